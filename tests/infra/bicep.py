"""The Bicep files of infra/ as values, and the questions that tests ask of them.

The tree is tree-sitter's. Only the compiler knows types; tests/infra/published_types.py checks names against its type
files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"

Value = Any
"""A literal as Python has it (a string keeps its `${...}`), or an Expression."""


@dataclass(frozen=True)
class Expression:
    """Anything that is not a literal: a name, a call, a choice, a loop; as it stands in the file."""

    text: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a file. `is_required`: it has no default, and not being given it is an error."""

    type: str
    is_required: bool
    default: Value
    decorators: Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Declaration:
    """A resource or a module: what stands within its braces, whatever loop or condition stands before them."""

    name: str
    reference: str
    """A resource's full type with its version, `Type/name@2025-01-01`, or a module's file or address."""
    body: Mapping[str, Value]
    condition: str | None = None
    loop: str | None = None
    is_existing: bool = False
    parent: "Declaration | None" = None
    text: str = field(default="", repr=False)

    @property
    def type(self) -> str:
        """A resource's type without its version."""
        return self.reference.partition("@")[0]

    @property
    def is_local(self) -> bool:
        """Whether this is a module of our own."""
        return self.reference.endswith(".bicep")

    @property
    def parameters(self) -> Mapping[str, Value]:
        """What a module is given."""
        given = self.body.get("params", {})
        assert isinstance(given, dict)
        return given


@dataclass(frozen=True)
class BicepFile:
    """One file: its text, and its declarations by symbolic name; a nested resource's is `parent::child`."""

    name: str
    text: str = field(repr=False)
    parameters: Mapping[str, Parameter]
    variables: Mapping[str, Value]
    outputs: Mapping[str, Value]
    modules: Mapping[str, Declaration]
    declared_resources: Mapping[str, Declaration]

    def variable(self, name: str) -> Value:
        """The value of a variable."""
        return self.variables[name]

    def resources(self, kind: str | None = None) -> dict[str, Declaration]:
        """Those that are made here, of one type or of all, by symbolic name."""
        return {
            name: resource
            for name, resource in self.declared_resources.items()
            if not resource.is_existing and kind in (None, resource.type)
        }


class BicepSyntaxError(Exception):
    """A file is not Bicep; the message names the line."""


def parsed(name: str, text: str) -> BicepFile:
    """The declarations of one file.

    Raises:
        BicepSyntaxError: it cannot be read.
    """
    tree = Parser(Language(tree_sitter_bicep.language())).parse(text.encode())
    if tree.root_node.has_error:
        raise BicepSyntaxError(f"{name}, line {_first_error(tree.root_node)}")
    parameters: dict[str, Parameter] = {}
    variables: dict[str, Value] = {}
    outputs: dict[str, Value] = {}
    modules: dict[str, Declaration] = {}
    resources: dict[str, Declaration] = {}
    decorators: dict[str, tuple[Value, ...]] = {}
    for node in tree.root_node.named_children:
        if node.type == "decorators":
            decorators = dict(map(_decorator, node.named_children))
            continue
        named = [child for child in node.named_children if child.type != "diagnostic_comment"]
        if node.type == "parameter_declaration":
            parameters[_text(named[0])] = _parameter(named, decorators)
        elif node.type == "variable_declaration":
            variables[_text(named[0])] = value_of(named[1])
        elif node.type == "output_declaration":
            outputs[_text(named[0])] = value_of(named[-1])
        elif node.type == "module_declaration":
            modules[_text(named[0])] = _declaration(node, None)
        elif node.type == "resource_declaration":
            resources.update(_with_children(node, None))
        decorators = {}
    return BicepFile(name, text, parameters, variables, outputs, modules, resources)


def _first_error(node: Node) -> int:
    for child in node.children:
        if child.has_error:
            return _first_error(child)
    return node.start_point.row + 1


def _text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def _decorator(node: Node) -> tuple[str, tuple[Value, ...]]:
    [call] = node.named_children
    name, arguments = call.named_children
    return _text(name), tuple(map(value_of, arguments.named_children))


def _parameter(named: list[Node], decorators: Mapping[str, tuple[Value, ...]]) -> Parameter:
    kind, default = _text(named[1]), named[2:]
    return Parameter(
        type=kind,
        is_required=not default and not kind.endswith("?"),
        default=value_of(default[0]) if default else None,
        decorators=decorators,
    )


def _with_children(node: Node, parent: Declaration | None) -> Iterator[tuple[str, Declaration]]:
    resource = _declaration(node, parent)
    yield resource.name, resource
    body, _, _ = _body(node)
    for entry in body.named_children:
        if entry.type == "object_property" and entry.named_children[0].type == "resource_declaration":
            yield from _with_children(entry.named_children[0], resource)


def _declaration(node: Node, parent: Declaration | None) -> Declaration:
    symbol, reference = (child for child in node.named_children if child.type in ("identifier", "string"))
    body, condition, loop = _body(node)
    name, kind = _text(symbol), str(value_of(reference))
    if parent is not None:
        name = f"{parent.name}::{name}"
        kind, _, version = kind.partition("@")
        above, _, version_above = parent.reference.partition("@")
        kind = f"{above}/{kind}@{version or version_above}"
    return Declaration(
        name=name,
        reference=kind,
        body=value_of(body),
        condition=condition,
        loop=loop,
        is_existing=any(child.type == "existing" for child in node.children),
        parent=parent,
        text=_text(node),
    )


def _body(node: Node) -> tuple[Node, str | None, str | None]:
    """The object of a declaration, its condition and its loop."""
    condition = loop = None
    body = node.named_children[-1]
    while body.type != "object":
        if body.type == "if_statement":
            condition = _text(body.named_children[0]).removeprefix("(").removesuffix(")")
        else:
            loop = _text(body)
        body = body.named_children[-1]
    return body, condition, loop


def value_of(node: Node) -> Value:
    """The value that a node stands for."""
    named = [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]
    match node.type:
        case "string":
            return _string(node)
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case "null":
            return None
        case "array":
            return [value_of(child) for child in named]
        case "object":
            return dict(_property(child) for child in named if child.named_children[0].type != "resource_declaration")
    return Expression(_text(node))


def _property(node: Node) -> tuple[str, Value]:
    named = [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]
    key = named[0]
    return (_string(key) if key.type == "string" else _text(key)), value_of(named[1])


def _string(node: Node) -> str:
    raw = _text(node)
    if raw.startswith("'''"):
        return raw[3:-3].removeprefix("\n")
    return re.sub(r"\\(['\\$])", r"\1", raw[1:-1])


@cache
def bicep_files() -> dict[str, BicepFile]:
    """Every Bicep file of infra/, by its name."""
    return {file.name: parsed(file.name, file.read_text()) for file in sorted(INFRA.glob("*.bicep"))}


def comment_before(text: str, declaration: str) -> str:
    """The comment lines right above the line that begins with `declaration`."""
    lines = text.splitlines()
    (end,) = (number for number, line in enumerate(lines) if line.startswith(declaration))
    begin = end
    while lines[begin - 1].startswith("//"):
        begin -= 1
    return "\n".join(lines[begin:end])
