"""The roles of people on the page."""

from shared.status.roles import Role


def test_each_role_may_do_all_that_those_before_it_may() -> None:
    assert Role.SEE < Role.SEND < Role.MANAGE


def test_app_roles_have_the_names_that_are_registered_in_entra() -> None:
    assert [role.app_role for role in Role] == ["DeviceDrop.See", "DeviceDrop.Send", "DeviceDrop.Manage"]
