"""docs/architecture.md and the imports of the code say the same, and each module has a test of its name."""

import ast
import re
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

MAY_IMPORT = {
    "device_files": {"device_files"},
    "partner_center": {"partner_center"},
    "storage": {"storage"},
    "pipeline": {"pipeline", "device_files", "partner_center", "storage"},
    "status": {"status", "pipeline", "device_files", "partner_center", "storage"},
}
"""The rooms of shared/, and those whose modules each may import. Modules that stand beside them serve all."""


TESTED_ELSEWHERE = {
    "errors": "a class without behaviour of its own",
    "status/schemas": "records without behaviour; tests/status/test_openapi.py holds that each field is described",
    "device_files/formats/parts": "records without behaviour",
    "device_files/formats/workbook_process": "the other process of workbooks: formats/test_workbooks.py",
}
"""Modules without a test of their name, and why."""


def _section(title: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("module", sorted(set(re.findall(r"`((?:\w+/)+\w+)`", PAGE))))
def test_every_module_that_the_page_names_exists(module: str) -> None:
    assert (ROOT / "shared" / f"{module}.py").exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]\w+|_?[a-z]+_[a-z_]+)`", PAGE))))
def test_every_module_function_and_class_that_the_page_names_exists(name: str) -> None:
    definition = re.compile(rf"(?:def|class) {name}\b")
    files = [ROOT / f"{name}.py", *(ROOT / "shared").rglob("*.py")]
    assert any(file.stem == name or definition.search(file.read_text(encoding="utf-8")) for file in files)


def test_the_way_of_a_lost_answer_is_followed_in_at_most_eight_modules() -> None:
    steps = re.findall(r"^\d+\. `([\w/]+)`", _section("The way of a lost answer"), re.MULTILINE)
    assert 1 < len(set(steps)) == len(steps) <= 8


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_point_one_way(room: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in sorted((ROOT / "shared" / room).rglob("*.py"))
        for name in _imported(file)
        if _room(name) in MAY_IMPORT and _room(name) not in MAY_IMPORT[room]
    ]
    assert wrong == []


def test_the_deployed_code_imports_nothing_local() -> None:
    deployed = [ROOT / "function_app.py", *(ROOT / "shared").rglob("*.py")]
    assert [file.name for file in deployed if any(name.startswith("local") for name in _imported(file))] == []


def test_what_serves_all_rooms_imports_none_of_them() -> None:
    wrong = [
        f"{file.name}: {name}"
        for file in sorted((ROOT / "shared").glob("*.py"))
        for name in _imported(file)
        if _room(name) in MAY_IMPORT
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert tuple(TopologicalSorter(_imports(lambda module: module)).static_order())


@pytest.mark.parametrize("folder", ["shared", "shared.pipeline", "shared.device_files", "shared.partner_center"])
def test_no_folder_imports_a_sibling_that_imports_it(folder: str) -> None:
    below = len(folder.split(".")) + 1

    def sibling(module: str) -> str | None:
        parts = module.split(".")
        return ".".join(parts[:below]) if module.startswith(f"{folder}.") and len(parts) > below else None

    assert tuple(TopologicalSorter(_imports(sibling)).static_order())


def test_each_module_has_a_test_of_its_name_where_it_stands() -> None:
    """A package whose `__init__` holds code is tested by its own name, inside its folder."""
    without = {
        str(file.relative_to(ROOT / "shared").with_suffix(""))
        for file in (ROOT / "shared").rglob("*.py")
        if _defines_something(file) and not _test_of(file).exists()
    }
    assert without == set(TESTED_ELSEWHERE)


def _defines_something(file: Path) -> bool:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def _test_of(file: Path) -> Path:
    name = file.parent.name if file.stem == "__init__" else file.stem
    return ROOT / "tests" / file.parent.relative_to(ROOT / "shared") / f"test_{name}.py"


def _imports(group: Callable[[str], str | None]) -> dict[str, set[str]]:
    """Which groups the modules of each group import; a module without a group is left out."""
    imports: dict[str, set[str]] = {}
    for file in sorted((ROOT / "shared").rglob("*.py")):
        if (own := group(".".join(file.relative_to(ROOT).with_suffix("").parts))) is not None:
            others = {other for name in _imported(file) if (other := group(name)) is not None}
            imports.setdefault(own, set()).update(others - {own})
    return imports


def _imported(file: Path) -> list[str]:
    """The modules of this project that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.append(node.module)
    return [name for name in names if name.partition(".")[0] in ("shared", "local")]


def _room(name: str) -> str:
    return name.removeprefix("shared.").partition(".")[0] if name.startswith("shared.") else ""
