"""Who may do what in Azure: every role assignment is known, narrow, and says why."""

import re

import pytest

from tests.infra.bicep import bicep_files, comment_before

ROLES = "Microsoft.Authorization/roleAssignments"
APP, TOPIC, OPERATOR = "identity.properties.principalId", "topic.identity.principalId", "operatorId"

EXPECTED = {
    "appHostBlobs": (APP, "blobOwner", "hostStorage"),
    "appHostQueues": (APP, "queueContributor", "hostStorage"),
    "appHostTables": (APP, "tableContributor", "hostStorage"),
    "appDropBlobs": (APP, "blobOwner", "dropStorage"),
    "appDropQueues": (APP, "queueContributor", "dropStorage"),
    "appDropTables": (APP, "tableContributor", "dropStorage"),
    "appInsights": (APP, "metricsPublisher", "insights"),
    "appSecrets": (APP, "secretsUser", "vault"),
    "appSetSecret": (APP, "setSecret.name", "vault"),
    "topicDeadLetters": (TOPIC, "blobContributor", "dropStorage::blobs::deadLetters"),
    "operatorPackage": (OPERATOR, "blobContributor", "hostStorage::blobs::package"),
    "operatorFiles": (OPERATOR, "blobContributor", "dropStorage::blobs::deviceFiles"),
    "operatorResults": (OPERATOR, "blobReader", "dropStorage::blobs::results"),
    "operatorSecrets": (OPERATOR, "secretsOfficer", "vault"),
}
"""Who, what, and on what."""

BUILT_IN = {
    "blobOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "blobReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "blobContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "queueContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "tableContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "secretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "secretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "metricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
"""Azure built-in roles: Storage Blob Data Owner, Reader and Contributor, Storage Queue and Table Data Contributor, Key
Vault Secrets User and Officer, Monitoring Metrics Publisher."""


def block(name: str) -> str:
    """The text of one resource of roles.bicep."""
    text = bicep_files()["roles.bicep"].text
    begin = text.index(f"resource {name} ")
    return text[begin : text.index("\n}\n", begin)]


def test_every_role_assignment_is_one_of_those_that_are_known() -> None:
    found = {(file.name, name) for file in bicep_files().values() for name in file.resources(ROLES)}
    ours = {("roles.bicep", name) for name in EXPECTED}
    assert found == ours | {("customer.bicep", "customerFiles"), ("customer.bicep", "customerResults")}
    assert not [file.name for file in bicep_files().values() if "roleAssignments:" in file.text]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_role_is_given_to_its_holder_on_its_scope_alone(name: str) -> None:
    holder, role, scope = EXPECTED[name]
    text = block(name)
    assert f"\n  scope: {scope}\n" in text
    assert f"\n    principalId: {holder}\n" in text
    identifier = role if "." in role else f"roleIds.{role}"
    assert f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', {identifier})" in text


@pytest.mark.parametrize("name", EXPECTED)
def test_a_role_says_why_it_is_needed(name: str) -> None:
    assert len(comment_before(bicep_files()["roles.bicep"].text, f"resource {name} ")) > 30


def test_the_roles_are_the_built_in_ones() -> None:
    assert bicep_files()["roles.bicep"].variable("roleIds") == BUILT_IN


def test_the_roles_of_our_own_allow_what_they_say_and_nothing_of_what_holds_it() -> None:
    kind = "Microsoft.Authorization/roleDefinitions"
    definitions = {name: role for file in bicep_files().values() for name, role in file.resources(kind).items()}
    allowed = {name: role.body["properties"]["permissions"] for name, role in definitions.items()}
    blobs = "${blobActions}"
    assert allowed == {
        "setSecret": [{"dataActions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"]}],
        "dropRole": [{"dataActions": [f"{blobs}/{action}" for action in ("read", "write", "add/action", "delete")]}],
    }
    assert not [name for name, role in definitions.items() if role.body["properties"]["assignableScopes"] == ["/"]]


def test_nobody_is_given_a_role_on_a_whole_resource_group_or_subscription() -> None:
    for name in EXPECTED:
        assert "scope: resourceGroup()" not in block(name)
        assert "scope: subscription()" not in block(name)


def test_a_customers_people_reach_their_own_folders_alone() -> None:
    """A rule of the whole: each action that the role allows is tied to the folder by a condition."""
    customer = bicep_files()["customer.bicep"]
    assert "var folder = '${toLower(customerId)}/'" in customer.text
    given = customer.resources(ROLES)
    assert set(given) == {"customerFiles", "customerResults"}
    for name, (role, conditions) in {
        "customerFiles": ("dropRole.name", ("readsTheFolder", "listsTheFolder", "writesTheFolder")),
        "customerResults": ("blobReader", ("readsTheFolder", "listsTheFolder")),
    }.items():
        begin = customer.text.index(f"resource {name} ")
        text = customer.text[begin : customer.text.index("\n}\n", begin)]
        assert f"roleDefinitions', {role})" in text
        assert f"condition: '{' AND '.join('${' + condition + '}' for condition in conditions)}'" in text
        assert "conditionVersion: '2.0'" in text
        for condition in conditions:
            assert re.search(
                rf"^var {condition} = '.* StringStartsWith \\'\$\{{folder\}}\\'\)\)'$", customer.text, re.MULTILINE
            )
    writes = next(line for line in customer.text.splitlines() if line.startswith("var writesTheFolder"))
    assert all(f"{{\\'${{blobActions}}/{action}\\'}}" in writes for action in ("write", "add/action", "delete"))
