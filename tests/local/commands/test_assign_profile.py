"""`assign-profile`: a profile for the registered devices of a closed file."""

import json

from local.commands.ending import ExitCode
from tests.local.commands.conftest import CUSTOMER, App, Typed


def test_a_profile_is_assigned_and_awaited(new_file: str, typed: Typed, app: App) -> None:
    code, shown = typed("assign-profile", new_file[:8], "kiosk", "--wait")
    assert (code, shown) == (ExitCode.DONE, "2 of 2 devices got the profile; 'outcomes' shows how each row ended.\n")
    code, shown = typed("assign-profile", new_file, "Nobody's", "--wait", "--json")
    assert code == ExitCode.NOT_ALL_WELL
    assert json.loads(shown)["rejected"] == 2
    stored = app.pipeline.journal.files.get(CUSTOMER, new_file)
    assert stored is not None
    assert stored.record.profile_runs == 2


def test_what_cannot_be_assigned_is_said_and_nothing_waits(new_file: str, typed: Typed) -> None:
    assert typed("assign-profile", new_file, " ")[0] == ExitCode.NOT_ALL_WELL
    code, shown = typed("assign-profile", new_file, "Standard")
    assert code == ExitCode.DONE
    assert "is being assigned" in shown
