"""What the documents name exists."""

import re
from itertools import zip_longest
from pathlib import Path

import pytest

from shared.vocabulary import Remedy

ROOT = Path(__file__).parent.parent
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)\)")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

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
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


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
