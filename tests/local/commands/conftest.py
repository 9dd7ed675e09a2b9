"""A storage with the app at work on it, and commands that are typed into it."""

import json
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from local.__main__ import _of_venv
from local.app_settings import app_settings
from local.partner_center import Behaviour, PartnerCenterStandIn
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.dispatch import wake
from shared.pipeline.intake.receive import receive
from shared.settings import STORAGE_CONNECTION, StorageConnectionString, settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE, open_storage
from tests.pipeline.world import tuples

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
REJECTED_ROW = "SERIAL-ALONE,,,,\r\n"


class App:
    """The app's two triggers, on a thread: every blob is received, every wake-up obeyed when it is due."""

    def __init__(self, connection_string: str, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._queue = open_storage(StorageConnectionString(connection_string)).queue(SUBMISSIONS_QUEUE)
        self._received: set[tuple[str, str]] = set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ends.wait(0.05):
            for version in self.pipeline.drop.versions():
                if (version.path, version.etag) not in self._received:
                    self._received.add((version.path, version.etag))
                    receive(self.pipeline, version.path)
            for message in self._queue.receive_messages():
                wake(self.pipeline, b64decode(message.content), message.id)
                self._queue.delete_message(message)


@pytest.fixture(scope="module")
def app(app_account: str) -> Iterator[App]:
    """The app on a storage that only these tests use."""
    with PartnerCenterStandIn(Behaviour()) as service:
        environment = {"POLL_FIRST_DELAY_SECONDS": "0.05", "POLL_MAX_DELAY_SECONDS": "0.05"}
        settings = app_settings(environment, storage=app_account, partner_center_url=service.url)
        pipeline = compose(settings_from(settings))
        prepare(pipeline)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(STORAGE_CONNECTION, app_account)
            patch.setattr("local.commands.drop._POLL_SECONDS", 0.05)
            with App(app_account, pipeline) as app:
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


@pytest.fixture
def closed_file(answered: Callable[..., Any], tmp_path: Path) -> str:
    """The id of a file of two registered devices and a rejected row, just closed."""
    name = f"{tmp_path.name}.csv"
    (tmp_path / name).write_text(tuples([f"{tmp_path.name}-1", f"{tmp_path.name}-2"]) + REJECTED_ROW)
    (view,) = answered("drop", tmp_path / name, "--customer", CUSTOMER, "--batch", "Sales", "--wait")
    file_id: str = view["file_id"]
    return file_id
