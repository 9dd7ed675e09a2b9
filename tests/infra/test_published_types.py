"""Resources and modules are given what their published types name, and a wrong name would be noticed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.infra.bicep import BicepFile, BicepSyntaxError, Declaration, Expression, bicep_files, parsed
from tests.infra.published_types import module_faults, published, resource_faults

RESOURCES = [(file, resource) for file in bicep_files().values() for resource in file.declared_resources.values()]
MODULES = [module for file in bicep_files().values() for module in file.modules.values() if not module.is_local]


def named(value: object) -> str:
    return value.name if isinstance(value, BicepFile | Declaration) else ""


@pytest.mark.parametrize(("file", "resource"), RESOURCES, ids=named)
def test_a_resource_is_as_its_published_type_says(file: BicepFile, resource: Declaration) -> None:
    assert resource_faults(resource, file) == []


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_verified_module_is_given_the_parameters_it_has(module: Declaration) -> None:
    assert module_faults(module) == []


def test_the_excerpt_of_the_published_types_holds_nothing_else() -> None:
    assert set(published()["resources"]) == {f"{file.name} {resource.name}" for file, resource in RESOURCES}
    assert set(published()["modules"]) == {module.reference for module in MODULES}


def misspelt(value: Any) -> Iterator[Any]:
    """`value` with one name at a time wrong, at every depth."""
    if isinstance(value, dict):
        for name in value:
            yield {(other + "X" if other == name else other): given for other, given in value.items()}
            yield from (value | {name: wrong} for wrong in misspelt(value[name]))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from ([*value[:number], wrong, *value[number + 1 :]] for wrong in misspelt(item))


FREE = {"tags", "userAssignedIdentities"}
"""Objects whose names are the user's own."""


@pytest.mark.parametrize(("file", "resource"), [pair for pair in RESOURCES if not pair[1].is_existing], ids=named)
def test_a_misspelt_name_anywhere_in_a_resource_is_noticed(file: BicepFile, resource: Declaration) -> None:
    checked = parsed(file.name, re.sub(r"#disable-next-line BCP037\n.*\n", "\n", file.text))
    body = checked.declared_resources[resource.name].body
    body = {name: value for name, value in body.items() if name not in {*FREE, "scope", "parent", "identity"}}
    for wrong in misspelt(body):
        assert resource_faults(replace(resource, body=wrong), checked), wrong


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_misspelt_or_missing_parameter_of_a_module_is_noticed(module: Declaration) -> None:
    for name in module.parameters:
        wrong = {(other + "X" if other == name else other): given for other, given in module.parameters.items()}
        assert module_faults(replace(module, body=dict(module.body) | {"params": wrong}))
    needed = [name for name, flag in published()["modules"][module.reference]["names"].items() if flag]
    assert needed
    for name in needed:
        less = {other: given for other, given in module.parameters.items() if other != name}
        assert module_faults(replace(module, body=dict(module.body) | {"params": less})) == [
            f"{module.name} lacks {name}"
        ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("clientAffinityEnabled: false", "clientAffinityEnabled: 'no'"),
        ("minTlsVersion: '1.2'", "minTlsVersion: '1.4'"),
        ("type: 'blobContainer'", "type: 'blobcontainers'"),
        ("instanceCount: 1", "instanceCount: true"),
        ("siteConfig: {", "defaultHostName: 'x'\n    siteConfig: {"),
    ],
)
def test_a_value_that_a_type_does_not_allow_is_noticed(before: str, after: str) -> None:
    text = bicep_files()["app.bicep"].text
    assert before in text
    file = parsed("app.bicep", text.replace(before, after))
    assert [fault for resource in file.declared_resources.values() for fault in resource_faults(resource, file)]


# --- the reader of Bicep


def test_every_nested_resource_is_read_with_its_full_type() -> None:
    text = (
        "resource a 'X/y@1' = {\n  name: 'a'\n  resource b 'p' = {\n    name: 'b'\n    resource c 'q@2' existing = {\n"
    )
    text += "      name: 'c'\n    }\n  }\n  resource d 'p' = {\n    name: 'd'\n  }\n}\n"
    resources = parsed("x.bicep", text).declared_resources
    assert {name: resource.reference for name, resource in resources.items()} == {
        "a": "X/y@1",
        "a::b": "X/y/p@1",
        "a::b::c": "X/y/p/q@2",
        "a::d": "X/y/p@1",
    }
    assert resources["a::b::c"].is_existing
    assert resources["a::d"].body == {"name": "d"}


def test_a_string_is_told_from_a_name_and_a_loop_or_condition_from_what_it_holds() -> None:
    text = "param p string?\nresource a 'X/y@1' = if (!empty(p)) {\n  name: 'p'\n  tags: p\n  sku: 'a${p}\\'s'\n}\n"
    text += (
        "resource b 'X/y@1' = [\n  for i in range(0, 2): {\n    name: '${i}'\n    list: [1, true, null, -2]\n  }\n]\n"
    )
    file = parsed("x.bicep", text)
    assert not file.parameters["p"].is_required
    assert file.declared_resources["a"].condition == "!empty(p)"
    assert file.declared_resources["a"].body == {"name": "p", "tags": Expression("p"), "sku": "a${p}'s"}
    assert file.declared_resources["b"].body == {"name": "${i}", "list": [1, True, None, -2]}
    assert file.declared_resources["b"].loop is not None


def test_what_is_no_bicep_is_refused_with_its_line() -> None:
    with pytest.raises(BicepSyntaxError, match=r"x\.bicep, line 2"):
        parsed("x.bicep", "param a string\nresource b 'X/y@1' = {{\n")
