"""`profiles`: the profiles of a customer, and the defaults for its batches."""

import json

from local.commands.ending import ExitCode
from tests.local.commands.conftest import CUSTOMER, Typed


def test_profiles_are_shown_and_a_default_is_set_and_removed(typed: Typed) -> None:
    code, shown = typed("profiles", "--customer", CUSTOMER, "--batch", "Sales", "--default", "Kiosk")
    assert code == ExitCode.DONE
    for words in ("Standard", "Kiosk", "Default of batch Sales: Kiosk", "Partner Center listed them on"):
        assert words in shown
    _, shown = typed("profiles", "--customer", CUSTOMER, "--json")
    assert json.loads(shown)["defaults"] == [{"batch_id": "Sales", "profile": "Kiosk", "fault": ""}]
    _, shown = typed("profiles", "--customer", CUSTOMER, "--batch", "sales", "--no-default")
    assert "Default of" not in shown


def test_a_profile_that_is_too_long_is_refused(typed: Typed) -> None:
    code, shown = typed("profiles", "--customer", CUSTOMER, "--default", "x" * 300)
    assert (code, shown) == (ExitCode.WRONG_ARGUMENTS, "")
