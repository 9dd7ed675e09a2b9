"""The functions host as a process, against a real Azurite: nothing is lost, and repeated work is known."""

import base64
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from local.functions_host.__main__ import READY, STOPS
from local.functions_host.blob_trigger import POISON_QUEUE
from local.functions_host.schedule import Schedule
from local.functions_host.timer_trigger import Times
from local.processes import PROJECT, ChildProcess

pytestmark = pytest.mark.takes_long

NEVER = "0 0 0 29 2 *"
LONGEST_SECONDS = 120
"""After which a test fails instead of waiting for ever."""
LAST = "what comes last"
HOST_FILE = {
    "version": "2.0",
    "extensions": {
        "queues": {"batchSize": 4, "newBatchThreshold": 0, "maxDequeueCount": 2, "visibilityTimeout": "00:00:01"}
    },
}


@dataclass
class Stage:
    """One test's own storage names, app settings and hosts."""

    connection: str
    folder: Path
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    hosts: list[ChildProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "host.json").write_text(json.dumps(HOST_FILE))
        self.blobs = BlobServiceClient.from_connection_string(self.connection)
        self.files = self.blobs.create_container(f"files-{self.name}")
        self.calls_container = self.blobs.create_container(f"calls-{self.name}")
        self.queue = QueueClient.from_connection_string(self.connection, f"work-{self.name}")
        self.queue.create_queue()
        self.poison_queue = QueueClient.from_connection_string(self.connection, f"work-{self.name}-poison")

    def start(self, *options: str, schedule: str = NEVER) -> ChildProcess:
        number = len(self.hosts) + 1
        environment = os.environ | {
            "AzureWebJobsStorage": self.connection,
            "DeviceStorage": self.connection,
            "AzureFunctionsWebHost__hostid": self.name,
            "FILES": f"files-{self.name}",
            "CALLS": f"calls-{self.name}",
            "WORK": f"work-{self.name}",
            "SCHEDULE": schedule,
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{Path(__file__).parent}",
        }
        command = [sys.executable, "-m", "local.functions_host", "--app", "sample_app", "--port", "0", *options]
        host = ChildProcess.start(
            f"host {number}",
            command,
            log=self.folder / f"host-{number}.log",
            environment=environment,
            folder=self.folder,
        )
        self.hosts.append(host)
        eventually(lambda: READY in host.log.read_text() or host.exit_code is not None)
        assert host.exit_code is None, host.last_output()
        return host

    def send(self, body: str) -> None:
        self.queue.send_message(base64.b64encode(body.encode()).decode())

    def calls(self, function: str, but: str = "") -> list[dict[str, Any]]:
        """The calls of a function; without those about the blob or message `but`."""
        names = [blob.name for blob in self.calls_container.list_blobs()]
        records = [json.loads(self.calls_container.download_blob(name).readall()) for name in sorted(names)]
        of_function = [record for record in records if record["function"] == function]
        return [record for record in of_function if not but or but not in (record.get("blob"), record.get("body"))]

    def let_everything_be_polled_again(self) -> None:
        """Until every listener has come by once more: it takes a blob and a message that come now."""
        self.files.upload_blob(LAST, LAST)
        self.send(LAST)
        eventually(lambda: len(self.calls("receive")) - len(self.calls("receive", but=LAST)) == 1)
        eventually(lambda: len(self.calls("work")) - len(self.calls("work", but=LAST)) == 1)
        eventually(lambda: is_empty(self.queue))


@pytest.fixture
def stage(azurite_connection: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(azurite_connection, tmp_path)
    yield stage
    for host in stage.hosts:
        host.kill()


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def messages(queue: QueueClient) -> list[str]:
    try:
        return [base64.b64decode(message.content).decode() for message in queue.peek_messages(max_messages=32)]
    except ResourceNotFoundError:
        return []


def is_empty(queue: QueueClient) -> bool:
    """Whether it has no message, visible or not."""
    return queue.get_queue_properties().approximate_message_count == 0


def test_a_dropped_blob_and_a_sent_message_are_handed_over_once(stage: Stage) -> None:
    stage.files.upload_blob("customer/batch/a file.csv", "content")
    stage.send("hello")
    stage.start()
    eventually(lambda: stage.calls("receive") and stage.calls("work") and is_empty(stage.queue))
    stage.let_everything_be_polled_again()
    [received] = stage.calls("receive", but=LAST)
    assert (received["blob"], received["content"]) == ("customer/batch/a file.csv", "content")
    [worked] = stage.calls("work", but=LAST)
    assert (worked["body"], worked["taken"]) == ("hello", 1)


def test_a_blob_is_received_again_only_when_it_is_written_again(stage: Stage) -> None:
    stage.files.upload_blob("a", "1")
    stage.files.upload_blob("b", "1")
    first = stage.start()
    eventually(lambda: len(stage.calls("receive")) == 2)
    first.stop()
    stage.start()
    stage.files.upload_blob("a", "2", overwrite=True)
    eventually(lambda: len(stage.calls("receive")) == 3)
    stage.let_everything_be_polled_again()
    assert [call["content"] for call in stage.calls("receive", but=LAST)] == ["1", "1", "2"]


def test_a_failing_blob_is_tried_five_times_back_to_back_and_then_poisoned(stage: Stage) -> None:
    stage.files.upload_blob(f"bad-{stage.name}", "fail")
    stage.start()
    poison_queue = QueueClient.from_connection_string(stage.connection, POISON_QUEUE)

    def poison() -> list[dict[str, str]]:
        return [one for one in map(json.loads, messages(poison_queue)) if one["BlobName"] == f"bad-{stage.name}"]

    eventually(poison)
    assert len(stage.calls("receive")) == 5
    etag = stage.files.get_blob_client(f"bad-{stage.name}").get_blob_properties().etag
    expected = {"FunctionId": "Host.Functions.receive", "BlobType": "BlockBlob", "ContainerName": f"files-{stage.name}"}
    assert expected.items() <= poison()[0].items()
    assert poison()[0]["ETag"] == f'"{etag.strip(chr(34))}"'


def test_a_blob_that_changed_or_went_before_its_turn_is_not_an_error(stage: Stage) -> None:
    internal = QueueClient.from_connection_string(stage.connection, f"azure-webjobs-blobtrigger-{stage.name}")
    internal.create_queue()
    stage.files.upload_blob("changed", "newer")
    for name in ("changed", "gone"):
        message = {"FunctionId": "Host.Functions.receive", "ContainerName": f"files-{stage.name}", "BlobName": name}
        internal.send_message(base64.b64encode(json.dumps(message | {"ETag": '"0x1"'}).encode()).decode())
    stage.start()
    eventually(lambda: is_empty(internal) and stage.calls("receive"))
    assert [call["content"] for call in stage.calls("receive")] == ["newer"]


def test_a_failing_message_comes_back_later_and_is_poisoned_after_its_last_try(stage: Stage) -> None:
    stage.send("fail")
    stage.start()
    eventually(lambda: messages(stage.poison_queue) == ["fail"])
    tries = stage.calls("work")
    assert [call["taken"] for call in tries] == [1, 2]
    assert tries[1]["time"] - tries[0]["time"] >= 1
    eventually(lambda: is_empty(stage.queue))


def test_a_returned_value_is_a_failure(stage: Stage) -> None:
    stage.send("return")
    stage.start()
    eventually(lambda: messages(stage.poison_queue) == ["return"])


def test_a_message_taken_too_often_is_poisoned_without_a_call(stage: Stage) -> None:
    stage.send("taken by hosts that died")
    for _ in range(2):
        eventually(lambda: list(stage.queue.receive_messages(visibility_timeout=1)))
    stage.start()
    eventually(lambda: messages(stage.poison_queue) == ["taken by hosts that died"])
    assert stage.calls("work") == []


def test_a_message_that_is_not_base64_is_poisoned(stage: Stage) -> None:
    stage.queue.send_message("not base64!")
    stage.start()
    eventually(lambda: is_empty(stage.queue))
    assert [message.content for message in stage.poison_queue.peek_messages()] == ["not base64!"]


def test_work_of_a_killed_host_is_done_again_by_another(stage: Stage) -> None:
    stage.send("sleep 60")
    stage.send("quick")
    doomed = stage.start("--queue-lease-seconds", "2")
    eventually(lambda: len(stage.calls("work")) == 2)
    doomed.kill()
    stage.send("sleep 0")
    stage.start("--queue-lease-seconds", "2")
    eventually(lambda: len([call for call in stage.calls("work") if call["body"] == "sleep 60"]) == 2)
    again = [call for call in stage.calls("work") if call["body"] == "sleep 60"][1]
    assert again["taken"] == 2
    assert again["process"] != stage.calls("work")[0]["process"]


def test_a_long_function_keeps_its_message(stage: Stage) -> None:
    stage.send("sleep 6")
    stage.start("--queue-lease-seconds", "5")
    stage.start("--queue-lease-seconds", "5")
    eventually(lambda: stage.calls("worked") and is_empty(stage.queue))
    assert len(stage.calls("work")) == 1


def test_two_hosts_share_the_work_and_each_piece_is_done_once(stage: Stage) -> None:
    for number in range(12):
        stage.send(f"sleep 0.{number:02}")
        stage.files.upload_blob(f"file {number}", str(number))
    stage.start("--id", "one")
    stage.start("--id", "two")
    for number in range(12, 24):
        stage.send(f"sleep 0.{number:02}")
    eventually(lambda: len(stage.calls("worked")) >= 24 and len(stage.calls("receive")) >= 12)
    stage.let_everything_be_polled_again()
    work = stage.calls("work", but=LAST)
    assert len(work) == 24
    assert len({call["process"] for call in work}) == 2
    assert sorted(int(call["content"]) for call in stage.calls("receive", but=LAST)) == list(range(12))


def test_one_timer_ticks_among_all_hosts(stage: Stage) -> None:
    stage.start(schedule="* * * * * *")
    stage.start(schedule="* * * * * *")
    eventually(lambda: len(stage.calls("tick")) >= 3)
    ticks = stage.calls("tick")
    assert len({tick["process"] for tick in ticks}) == 1
    assert not any(tick["past_due"] for tick in ticks[1:])
    # Each is of a second of its own, and none begins before its second.
    assert ticks[-1]["time"] - ticks[0]["time"] > len(ticks) - 2


def test_missed_ticks_are_made_good_once(stage: Stage) -> None:
    now = datetime.now(UTC)
    last = now - timedelta(days=9 * 365)
    missed = Times(last, Schedule.parse(NEVER).next_after(last), last)
    hosts = ContainerClient.from_connection_string(stage.connection, "azure-webjobs-hosts")
    if not hosts.exists():
        hosts.create_container()
    status = hosts.upload_blob(f"timers/{stage.name}/Host.Functions.tick/status", missed.to_json())
    stage.start()
    eventually(lambda: Times.from_json(status.download_blob().readall()).due > now)
    assert [tick["past_due"] for tick in stage.calls("tick")] == [True]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_a_host_asked_to_stop_finishes_what_runs_and_takes_nothing_more(stage: Stage) -> None:
    stage.send("sleep 1.5")
    host = stage.start()
    eventually(lambda: stage.calls("work"))
    host.ask_to_stop()
    eventually(lambda: STOPS in host.log.read_text())
    stage.send("too late")
    assert host.wait(LONGEST_SECONDS) == 0
    assert len(stage.calls("worked")) == 1
    assert [call["body"] for call in stage.calls("work")] == ["sleep 1.5"]
    assert messages(stage.queue) == ["too late"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_what_outlasts_the_grace_period_is_left_to_others(stage: Stage) -> None:
    stage.send("sleep 60")
    host = stage.start("--grace-seconds", "0.5")
    eventually(lambda: stage.calls("work"))
    host.ask_to_stop()
    assert host.wait(LONGEST_SECONDS) == 0
    assert not is_empty(stage.queue)


def test_http_functions_answer_below_the_route_prefix(stage: Stage) -> None:
    host = stage.start()
    [url] = re.findall(r"answer at (\S+)", host.log.read_text())
    with urllib.request.urlopen(f"{url}/hello/a%20name?q=1") as answer:
        assert (answer.status, answer.read(), answer.headers["X-Seen"]) == (203, b"a name 1", "yes")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/nothing")


def test_an_app_that_lacks_a_setting_is_refused_with_its_name(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "local.functions_host", "--app", "sample_app"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": f"{PROJECT}{os.pathsep}{Path(__file__).parent}",
            "FILES": "files",
            "WORK": "work",
            "SCHEDULE": NEVER,
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        },
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert run.returncode == 1
    assert "DeviceStorage" in run.stderr
    assert "Traceback" not in run.stderr
