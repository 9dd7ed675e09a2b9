"""A storage with the app at work on it, and commands that are typed into it."""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.__main__ import _of_venv
from local.app_settings import app_settings
from local.partner_center import Behaviour, PartnerCenterStandIn
from shared.pipeline.blob_names import file_id
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.dispatch import wake
from shared.pipeline.intake.receive import receive
from shared.settings import STORAGE_CONNECTION, StorageConnectionString, settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE, open_storage
from shared.storage.wakeups import WakeUp, Wakeups
from tests.pipeline.world import tuples

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
REJECTED_ROW = "SERIAL-ALONE,,,,\r\n"


MESSAGES_OF_A_TURN = 32


class App:
    """The app's two triggers: every blob is received, every wake-up obeyed. It works while a command waits for it."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, connection_string: str, pipeline: Pipeline) -> None:
        # A wake-up is delivered at once: storage delays one by whole seconds, for which every test would wait.
        self.pipeline = replace(pipeline, wakeups=PromptWakeups(pipeline.wakeups))
        self._queue = open_storage(StorageConnectionString(connection_string)).queue(SUBMISSIONS_QUEUE)
        self._received: set[tuple[str, str]] = set()

    def sleep(self, _seconds: float) -> None:
        """The app's turn, in which a command sleeps."""
        for version in self.pipeline.drop.versions():
            if (version.path, version.etag) not in self._received:
                self._received.add((version.path, version.etag))
                receive(self.pipeline, version.path)
        # What is held sends its next message at once here, so a turn ends after some.
        for message in self._queue.receive_messages(max_messages=MESSAGES_OF_A_TURN):
            wake(self.pipeline, b64decode(message.content), message.id)
            self._queue.delete_message(message)

    def closed(self, name: str) -> str:
        """The id of a new file of two registered devices and a rejected row, which is closed."""
        path = f"{CUSTOMER}/Sales/{name}.csv"
        self.pipeline.drop.write(path, (tuples([f"{name}-1", f"{name}-2"]) + REJECTED_ROW).encode(), "text/csv")
        (dropped,) = self.pipeline.drop.versions(path)
        identifier = file_id(path, dropped.etag)
        while (
            stored := self.pipeline.journal.files.get(CUSTOMER, identifier)
        ) is None or not stored.record.state.is_final:
            self.sleep(0)
        return identifier


@dataclass(frozen=True)
class PromptWakeups:
    """A queue whose messages are not delayed."""

    queue: Wakeups

    def send(self, wake_up: WakeUp, _delay: timedelta = timedelta(0)) -> None:
        self.queue.send(wake_up)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)


@pytest.fixture(scope="module")
def app(app_account: str) -> Iterator[App]:
    """The app on a storage that only these tests use."""
    with PartnerCenterStandIn(Behaviour()) as service, pytest.MonkeyPatch.context() as patch:
        app = App(
            app_account, compose(settings_from(app_settings({}, storage=app_account, partner_center_url=service.url)))
        )
        prepare(app.pipeline)
        patch.setenv(STORAGE_CONNECTION, app_account)
        for command in ("drop", "withdraw", "devices", "profiles", "assign_profile"):
            patch.setattr(f"local.commands.{command}.time", app)
        yield app


Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(app: App, capfdbinary: pytest.CaptureFixture[bytes]) -> Typed:  # noqa: ARG001 - the storage it works on
    """Runs a command: its exit code, and what it wrote to where answers are read."""

    def run(*words: str | Path) -> tuple[int, str]:
        capfdbinary.readouterr()
        code = _of_venv(*map(str, words))
        return code, capfdbinary.readouterr().out.decode()

    return run


@pytest.fixture
def answered(typed: Typed) -> Callable[..., Any]:
    """Runs a command with --json: what it answered, whatever its exit code."""
    return lambda *words: json.loads(typed(*words, "--json")[1])


@pytest.fixture(scope="module")
def closed_file(app: App) -> str:
    """The id of a file of two registered devices and a rejected row, for all tests that leave it as it is."""
    return app.closed("closed")


@pytest.fixture
def new_file(app: App, tmp_path: Path) -> str:
    """The id of such a file, just closed, of the name of the test's folder."""
    return app.closed(tmp_path.name)
