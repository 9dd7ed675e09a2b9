"""What the published types say of the resources and modules of infra/: names, what must be given, and allowed values.

published_types.json holds the part of them that infra/ uses. Make it again after infra/ changes, from clones of the
public repositories Azure/bicep-types-az and Azure/bicep-registry-modules:

    python -m tests.infra.published_types TYPES_CLONE MODULES_CLONE
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.bicep import BicepFile, Declaration, Expression, Value, bicep_files

EXCERPT = Path(__file__).parent / "published_types.json"

_REQUIRED, _READ_ONLY = 1, 2
"""Flags of a property in the published types."""

_OF_BICEP = {"parent", "scope", "dependsOn"}
"""Properties that the compiler understands itself."""

_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "boolean": (bool,)}

Type = dict[str, Any]
"""`names` (`required`, `read only` or empty) and `inside` of an object, `items` of an array, `values`, or a `kind`."""


@cache
def published() -> dict[str, dict[str, Type]]:
    """`resources` by file and symbolic name, each with its `reference` and `type`; `modules` by address."""
    types: dict[str, dict[str, Type]] = json.loads(EXCERPT.read_text(encoding="utf-8"))
    return types


def resource_faults(resource: Declaration, file: BicepFile) -> list[str]:
    """What the compiler would say of a resource."""
    known = published()["resources"].get(f"{file.name} {resource.name}", {})
    if known.get("reference") != resource.reference:
        return [f"{file.name} {resource.name}, a {resource.reference}, is not in {EXCERPT.name}: make it again"]
    if resource.is_existing:
        return []
    passed_over = set(re.findall(r"#disable-next-line BCP037\n\s*(\w+):", file.text))
    body = {name: value for name, value in resource.body.items() if name not in _OF_BICEP}
    return list(_faults(resource.name, known["type"], body, passed_over))


def module_faults(module: Declaration) -> list[str]:
    """What the compiler would say of a verified module's parameters."""
    known = published()["modules"].get(module.reference)
    if known is None:
        return [f"{module.reference} is not in {EXCERPT.name}: make it again"]
    return list(_faults(module.name, known, dict(module.parameters), set()))


def _faults(where: str, known: Type, value: Value, passed_over: set[str]) -> Iterator[str]:
    is_known_later = isinstance(value, Expression) or value is None or (isinstance(value, str) and "${" in value)
    if is_known_later or known.get("kind") == "any":
        return
    if isinstance(value, dict):
        yield from _faults_of_object(where, known, value, passed_over)
    elif isinstance(value, list):
        if "items" not in known:
            yield f"{where} is no list"
            return
        for number, item in enumerate(value):
            yield from _faults(f"{where}[{number}]", known["items"], item, passed_over)
    elif "values" in known:
        if value not in known["values"]:
            yield f"{where}: {value!r} is none of {known['values']}"
    elif known.get("kind") in _KINDS and type(value) not in _KINDS[known["kind"]]:
        yield f"{where}: {value!r} is no {known['kind']}"
    elif "names" in known or "items" in known:
        yield f"{where}: {value!r} is no object or list"


def _faults_of_object(where: str, known: Type, value: dict[str, Value], passed_over: set[str]) -> Iterator[str]:
    if "names" not in known:
        yield f"{where} is no object, or {EXCERPT.name} must be made again"
        return
    for name, given in value.items():
        if name in passed_over:
            continue
        if name not in known["names"]:
            if "more" in known:
                yield from _faults(f"{where}.{name}", known["more"], given, passed_over)
            else:
                yield f"{where} has no property {name}"
        elif known["names"][name] == "read only":
            yield f"{where}.{name} cannot be set"
        else:
            yield from _faults(f"{where}.{name}", known["inside"].get(name, {}), given, passed_over)
    for name, flag in known["names"].items():
        if flag == "required" and name not in value:
            yield f"{where} lacks {name}"


# --- making the excerpt


class _Clone:
    """The newest commit of a cloned repository, with or without a work tree."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.paths = self._git("ls-tree", "-r", "--name-only", "HEAD").splitlines()

    def text(self, path: str) -> str:
        return self._git("show", f"HEAD:{path}")

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", self._folder, *arguments], check=True, capture_output=True, text=True
        ).stdout


class _Types:
    """The published types of one provider at one version."""

    def __init__(self, clone: _Clone, path: str) -> None:
        self._types: list[dict[str, Any]] = json.loads(clone.text(path))

    def body_of(self, reference: str) -> dict[str, Any] | None:
        for kind in self._types:
            if kind["$type"] == "ResourceType" and kind["name"].lower() == reference.lower():
                return self._of(kind["body"])
        return None

    def _of(self, reference: dict[str, str]) -> dict[str, Any]:
        return self._types[int(reference["$ref"].removeprefix("#/"))]

    def excerpt(self, kind: dict[str, Any], value: Value) -> Type:
        """The part of a type that `value` uses."""
        match kind["$type"]:
            case "DiscriminatedObjectType":
                return self._chosen(kind, value)
            case "ObjectType":
                return self._object(kind.get("properties", {}), kind.get("additionalProperties"), value)
            case "ArrayType":
                items = value if isinstance(value, list) else []
                return {"items": _united([self.excerpt(self._of(kind["itemType"]), item) for item in items or [None]])}
            case "UnionType":
                elements = [self._of(element) for element in kind["elements"]]
                # The compiler takes any string where a type also names values: here only those will do.
                values = [element["value"] for element in elements if element["$type"] == "StringLiteralType"]
                return {"values": values} if values else {}
            case "StringLiteralType":
                return {"values": [kind["value"]]}
        return {"kind": kind["$type"].removesuffix("Type").lower()}

    def _chosen(self, kind: dict[str, Any], value: Value) -> Type:
        choice = value.get(kind["discriminator"]) if isinstance(value, dict) else None
        if choice not in kind["elements"]:
            return {"names": {}, "inside": {}}
        element = self._of(kind["elements"][choice])
        return self._object(kind["baseProperties"] | element["properties"], element.get("additionalProperties"), value)

    def _object(self, properties: dict[str, Any], more: dict[str, str] | None, value: Value) -> Type:
        given = value if isinstance(value, dict) else {}
        found: Type = {
            "names": {name: _flag(entry["flags"]) for name, entry in sorted(properties.items())},
            "inside": {
                name: self.excerpt(self._of(entry["type"]), given[name])
                for name, entry in sorted(properties.items())
                if name in given
            },
        }
        if more is not None:
            found["more"] = _united([self.excerpt(self._of(more), item) for item in given.values()] or [{}])
        return found


def _flag(flags: int) -> str:
    if flags & _READ_ONLY:
        return "" if flags & _REQUIRED else "read only"
    return "required" if flags & _REQUIRED else ""


def _united(types: list[Type]) -> Type:
    united: Type = {}
    for kind in types:
        for name, value in kind.items():
            known = united.get(name)
            united[name] = _united([known, value]) if isinstance(known, dict) and isinstance(value, dict) else value
    return united


def _resources(clone: _Clone) -> dict[str, Type]:
    return {
        f"{file.name} {resource.name}": {
            "reference": resource.reference,
            "type": _published_resource(clone, resource),
        }
        for file in bicep_files().values()
        for resource in file.declared_resources.values()
    }


def _published_resource(clone: _Clone, resource: Declaration) -> Type:
    kind, _, version = resource.reference.partition("@")
    folder = f"/{kind.split('/')[0].lower()}/{version}/types.json"
    for path in clone.paths:
        if path.endswith(folder):
            types = _Types(clone, path)
            body = types.body_of(resource.reference)
            if body is not None:
                return {} if resource.is_existing else types.excerpt(body, resource.body)
    raise SystemExit(f"{resource.reference} is published nowhere")


def _modules(clone: _Clone) -> dict[str, Type]:
    references = {
        module.reference for file in bicep_files().values() for module in file.modules.values() if not module.is_local
    }
    return {reference: _published_module(clone, reference) for reference in sorted(references)}


def _published_module(clone: _Clone, reference: str) -> Type:
    path, _, version = reference.removeprefix("br/public:").partition(":")
    newest = re.search(r"^## (\S+)", clone.text(f"{path}/CHANGELOG.md"), re.MULTILINE)
    if newest is None or newest[1] != version:
        raise SystemExit(f"{path} is at {newest and newest[1]}, not {version}: check out that version, or use this one")
    parameters = re.findall(r"^param (\w+) ([^\n=]*?)( = |$)", clone.text(f"{path}/main.bicep"), re.MULTILINE)
    names = {name: "" if default or kind.endswith("?") else "required" for name, kind, default in parameters}
    kinds = {"string": {"kind": "string"}, "int": {"kind": "integer"}, "bool": {"kind": "boolean"}}
    inside = {name: kinds.get(kind.removesuffix("?"), {"kind": "any"}) for name, kind, _ in parameters}
    return {"names": names, "inside": inside}


def main(types: str, modules: str) -> None:
    """Make the excerpt."""
    excerpt: Mapping[str, Any] = {"resources": _resources(_Clone(types)), "modules": _modules(_Clone(modules))}
    EXCERPT.write_text(json.dumps(excerpt, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
