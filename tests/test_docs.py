"""What the documents name exists: files, headings, tests, commands with their options, settings, addresses."""

import argparse
import importlib
import importlib.util
import json
import re
import shlex
from itertools import zip_longest
from pathlib import Path

import pytest
import yaml

from local import __main__ as local_main
from local.bench.goals import GOALS
from local.commands.ending import ExitCode
from shared.status.routes import allowed_methods
from shared.version import VERSION
from shared.vocabulary import Outcome, Remedy

ROOT = Path(__file__).parent.parent
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)|(?:src|srcset)=\"([^\"]+)\"")
OF_THE_REPOSITORY = "../../"
"""Begins a link to a page of the repository's host, such as that of a workflow's runs."""
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")])
READ_BY_PEOPLE = [
    *DOCUMENTS,
    ROOT / "test.http",
    ROOT / ".vscode" / "tasks.json",
    ROOT / ".devcontainer" / "devcontainer.json",
]
"""Everything that names commands or addresses."""

BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<fenced>.*?)^(?P=indent)```$|(?<=\n\n)(?P<plain>(?:    [^\n]*\n)+)",
    re.DOTALL | re.MULTILINE,
)
ONLY_IN_BASH = re.compile(
    r"\\$|^ *(?:export|eval|set -\w|case|if \[|source) |^ *\w+=\S*(?: |$|\()|&& |\$\?|<<", re.MULTILINE
)
"""A line that goes on behind a backslash, environment variables, `a && b`, exit codes, a document inside a script."""
NOT_IN_POWERSHELL = re.compile(r"\\$|^ *(?:export|eval|case) |^ *\w+=\S|&&|\$\?|<<|\$\{", re.MULTILINE)
"""Of these Windows PowerShell has `$?`, but not as a number, and not `&&`."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED_TEST.findall(document.read_text(encoding="utf-8"))
        if not (ROOT / path).exists() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_heading_that_a_document_links_to_exists(document: Path) -> None:
    missing: list[str] = []
    for link in LINK.finditer(document.read_text(encoding="utf-8")):
        path, heading = link[1] or link[3] or "", link[2]
        target = document.parent / path if path else document
        is_there = path.startswith(OF_THE_REPOSITORY) or target.exists()
        if not is_there or (heading and heading not in _headings(target)):
            missing.append(link[0])
    assert missing == []


def _headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub names them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


COMMAND = re.compile(r"(?:python3?|py) -m local ([a-z-]+)((?: (?!#|\||>)(?:\"[^\"]*\"|[^\s`'\"|>)]+))*)")
MODULE = re.compile(r"(?:python3?|py) -m ((?:local|tests)\.[\w.]+)")
COMMANDS = {"run", "test", "services", *local_main._OF_VENV}


@pytest.mark.parametrize("document", READ_BY_PEOPLE, ids=lambda path: path.name)
def test_every_command_and_option_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert _wrong_commands(text) == []
    for module in MODULE.findall(text):
        assert importlib.util.find_spec(module.rstrip(".")), module


@pytest.mark.parametrize("folder", ["local", "shared", "infra"])
def test_every_command_that_a_message_names_exists(folder: str) -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")}
    assert {path: wrong for path, text in sources.items() if (wrong := _wrong_commands(text))} == {}


def _wrong_commands(text: str) -> list[str]:
    """The commands in a text that do not exist, take no such option, or lack one that they need."""
    wrong = []
    for command, rest in COMMAND.findall(text):
        given = set(re.findall(r"--[a-z-]+", rest))
        if command not in COMMANDS or given - _options(command) or (rest.strip() and _needed(command) - given):
            wrong.append(f"{command}{rest}")
    return wrong


def _options(command: str) -> set[str]:
    """The options that a command takes; those of `test` go on to pytest."""
    if command == "test":
        return {"--campaign", "--pictures", "--collect-only"}
    if command == "services":
        return set()
    return {option for action in _parser(command)._actions for option in action.option_strings}


def _needed(command: str) -> set[str]:
    """The options without which a command does nothing; `sign-in` may take its own from the environment."""
    if command in ("test", "services", "sign-in"):
        return set()
    return {option for action in _parser(command)._actions if action.required for option in action.option_strings}


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    if command == "run":
        local_main._add_run(parser.add_subparsers(parser_class=local_main._Parser))
        [commands] = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        parser = commands.choices["run"]
    else:
        importlib.import_module(local_main._OF_VENV[command][0]).add_arguments(parser)
    return parser


def test_a_wrong_command_or_option_is_seen() -> None:
    assert COMMAND.findall("`python -m local walk` and `py -m local run --onec FILE`") == [
        ("walk", ""),
        ("run", " --onec FILE"),
    ]
    assert "--onec" not in _options("run")
    assert {"--once", "--data"} <= _options("run")
    assert "--to-fix" in _options("outcomes")
    assert _wrong_commands(
        "`python -m local drop devices.csv --wait`, `python -m local walk` and `python -m local drop`"
    ) == [
        "drop devices.csv --wait",
        "walk",
    ]


def test_every_command_stands_in_the_table_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if not re.search(rf"^\| `{command}[` ]", text, re.MULTILINE)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_options_in_tables_of_commands_exist(document: Path) -> None:
    for row in re.findall(r"^\| `([a-z-]+)(?: [^|]*)?` ?\|(.*)", document.read_text(encoding="utf-8"), re.MULTILINE):
        if row[0] in COMMANDS and row[0] != "test":
            assert set(re.findall(r"`(--[a-z-]+)", row[1])) <= _options(row[0]) | {"--json"}, row[0]


NAMED_PATH = re.compile(r"`((?:shared|tests|local|infra|docs|\.github|\.vscode)/[\w./-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = set(NAMED_PATH.findall(document.read_text(encoding="utf-8")))
    assert [path for path in named if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()] == []


VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`")
OF_OTHERS = {
    *("AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID"),
    *("DEVICE_DROP_KEY", "HTTPS_PROXY", "WEBSITE_HOSTNAME", "SMBIOS_STRING_INDEX_0"),
}
"""Variables that others set or read, a variable of an example, and a value in device files."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_a_document_names_is_read(document: Path) -> None:
    sources = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "local").rglob("*.py"), *(ROOT / "infra").iterdir()]
    known = set(
        re.findall(
            r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", " ".join(file.read_text("utf-8") for file in sources if file.is_file())
        )
    )
    assert set(VARIABLE.findall(document.read_text(encoding="utf-8"))) - known - OF_OTHERS == set()


NAMED_FIELD = re.compile(r" \(\"(\w+)\"\)")


def test_every_field_of_the_json_that_a_document_names_exists() -> None:
    schemas = (ROOT / "shared" / "status" / "schemas.py").read_text(encoding="utf-8")
    named = {field for page in DOCUMENTS for field in NAMED_FIELD.findall(page.read_text(encoding="utf-8"))}
    assert {"last_event", "next_poll_at"} <= named
    assert [field for field in named if not re.search(rf"^    {field}: ", schemas, re.MULTILINE)] == []


ADDRESS = re.compile(r"(GET|POST) (?:\{\{base\}\}/|/api/)?([\w{}./-]+)")


@pytest.mark.parametrize("document", [ROOT / "docs" / "api.md", ROOT / "test.http"], ids=lambda path: path.name)
def test_every_address_that_a_document_names_is_answered(document: Path) -> None:
    requests = ADDRESS.findall(document.read_text(encoding="utf-8"))
    assert len(requests) >= 7
    assert [path for method, path in requests if method not in allowed_methods(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_example_is_of_its_language(document: Path) -> None:
    for block in BLOCK.finditer(document.read_text(encoding="utf-8")):
        match block["language"]:
            case "json":
                json.loads(block["fenced"])
            case "python":
                compile(block["fenced"], document.name, "exec")
            case "sh":
                shlex.split(block["fenced"], comments=True)
            case _:
                pass


def _table(document: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table whose first column has that heading: the other cells, by the first."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.search(rf"^\| {heading} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found is not None
    rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines())
    return {first: others for first, *others in rows}


def test_the_table_of_exit_codes_is_that_of_the_commands() -> None:
    assert set(map(int, _table("docs/commands.md", "code"))) == {*ExitCode, local_main.STOPPED}


@pytest.mark.parametrize("document", ["README.md", "docs/first-file.md"])
def test_the_tables_of_outcomes_are_complete(document: str) -> None:
    named = re.findall(r"[a-z_]+(?: [a-z]+)?", ", ".join(_table(document, "outcome")))
    assert {name.replace(" ", "_") for name in named} == set(Outcome)


def test_the_table_of_goals_is_that_of_the_bench() -> None:
    told: dict[str, str] = {}
    for keys, (limits, *_) in _table("docs/performance.md", "figure").items():
        told |= dict(zip(re.findall(r"\w+", keys), limits.split(", "), strict=True))
    assert told == {goal.key: goal.in_words for goal in GOALS}


def test_the_table_of_locks_is_complete() -> None:
    packages = [path for folder in (".", "local", "local/node") for path in (ROOT / folder).glob("*.lock")]
    named = {name.strip("`") for name in _table("docs/upgrade.md", "lock")}
    assert named == {path.relative_to(ROOT).as_posix() for path in packages} | {"local/node/package-lock.json"}


def test_the_files_of_tools_are_read_by_them() -> None:
    forms = [
        *(ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"),
        ROOT / ".pre-commit-config.yaml",
        ROOT / "azure.yaml",
    ]
    assert all(isinstance(yaml.safe_load(form.read_text(encoding="utf-8")), dict) for form in forms)
    tools = [*(ROOT / ".vscode").glob("*.json"), *(ROOT / ".devcontainer").glob("*.json")]
    assert all(isinstance(json.loads(file.read_text(encoding="utf-8")), dict) for file in tools)
    front_matter = re.search(r"^---\n(.*?)^---$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert front_matter is not None
    assert {"azdeveloper", "python", "bicep"} == set(yaml.safe_load(front_matter[1])["languages"])


def test_the_version_is_the_newest_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert f'version = "{newest[1]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"template: device-drop@{newest[1]}\n" in (ROOT / "azure.yaml").read_text(encoding="utf-8")
    assert newest[1] == VERSION


def test_every_page_is_found_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_only_bash_understands_is_followed_by_its_form_for_powershell(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    for block, following in zip_longest(blocks, blocks[1:]):
        is_shell = block["language"] in ("", "sh", "bash")
        if is_shell and ONLY_IN_BASH.search(block["fenced"] or block["plain"]):
            assert following is not None, block[0]
            assert following["language"] == "powershell", block[0]
            assert text[block.end() : following.start()].count("\n") <= 4, block[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_said_to_be_powershell_is_none_of_bash_and_says_that_it_was_not_run(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    blocks = [block["fenced"] for block in BLOCK.finditer(text) if block["language"] == "powershell"]
    assert [block for block in blocks if NOT_IN_POWERSHELL.search(block)] == []
    assert not blocks or re.search("not\\s+run here", text, re.IGNORECASE)


def test_the_blocks_of_all_documents_are_seen() -> None:
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    languages = [block["language"] for text in texts for block in BLOCK.finditer(text)]
    assert languages.count("powershell") >= 6
    assert languages.count("sh") + languages.count("powershell") == sum(
        len(re.findall(r"^ *```(?:sh|powershell)$", text, re.MULTILINE)) for text in texts
    )


@pytest.mark.parametrize(
    "line",
    [
        "az x \\\n  --y",
        "export A B",
        "A=b az x",
        "A=$(az x)",
        "A=b",
        "a && b",
        "case $? in",
        'eval "$(x)"',
        "cat <<END",
    ],
)
def test_a_line_of_bash_is_told_from_one_of_both(line: str) -> None:
    assert ONLY_IN_BASH.search(f"az login\n{line}\n")
    assert not ONLY_IN_BASH.search('az x --name "$A" --settings A=b  # in "both"\npython -m local check a=b.csv\n')


def test_the_faults_are_documented_with_their_tests() -> None:
    assert len(NAMED_TEST.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))) > 25


@pytest.mark.parametrize("value", Remedy)
def test_what_a_person_does_next_is_documented(value: str) -> None:
    assert f"| `{value}` |" in (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
