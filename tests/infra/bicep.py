"""The Bicep files of infra/ as trees, and the questions that tests ask of them.

pycep-parser reads syntax only: it does not know a wrong property from a right one, and tells a name from a string in
neither of both. What must be a string is therefore also looked for in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"


@dataclass(frozen=True)
class BicepFile:
    """One file: its text, and its tree as pycep-parser gives it."""

    name: str
    text: str = field(repr=False)
    tree: dict[str, Any] = field(repr=False)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """By name; one without `default` must be given."""
        return dict(self.tree.get("parameters", {}))

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return dict(self.tree.get("outputs", {}))

    @property
    def modules(self) -> dict[str, dict[str, Any]]:
        """By symbolic name."""
        return dict(self.tree.get("modules", {}))

    def variable(self, name: str) -> Any:
        """The value of a variable."""
        return self.tree["variables"][name]["value"]

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Those that are made here, of one type, by symbolic name: their properties without loop and condition."""
        return {
            name: configuration(resource["config"])
            for name, resource in self.tree.get("resources", {}).items()
            if resource["type"] == kind and not resource["existing"]
        }

    def module_parameters(self, name: str) -> dict[str, Any]:
        """What a module is given."""
        parameters: dict[str, Any] = configuration(self.modules[name]["config"])["params"]
        return parameters


def configuration(config: dict[str, Any]) -> dict[str, Any]:
    """What stands within the braces, whatever loop or condition stands before them."""
    while "config" in config and ("loop_type" in config or "condition" in config):
        config = config["config"]
    return config


@cache
def bicep_files() -> dict[str, BicepFile]:
    """Every Bicep file of infra/, by its name."""
    parser = BicepParser()
    files = sorted(INFRA.glob("*.bicep"))
    return {file.name: BicepFile(file.name, file.read_text(), dict(parser.parse(file_path=file))) for file in files}


def comment_before(text: str, declaration: str) -> str:
    """The comment lines right above the line that begins with `declaration`."""
    lines = text.splitlines()
    (end,) = (number for number, line in enumerate(lines) if line.startswith(declaration))
    begin = end
    while lines[begin - 1].startswith("//"):
        begin -= 1
    return "\n".join(lines[begin:end])


def kusto_queries() -> Iterator[str]:
    """Every Kusto query of the alerts and the workbook."""
    yield from re.findall(r"query: '''\n(.*?)'''", (INFRA / "alerts.bicep").read_text(), re.DOTALL)
    for query in re.findall(r'"query": "((?:[^"\\]|\\.)*)"', (INFRA / "workbook.json").read_text()):
        yield query.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
