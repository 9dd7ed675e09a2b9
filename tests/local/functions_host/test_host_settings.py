"""host.json and app settings as the host reads them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from local.functions_host.__main__ import _SECONDS_BETWEEN_SCANS, Host, _parser
from local.functions_host.app import HostedFunction, QueueTrigger
from local.functions_host.host_settings import HostError, connection_string, host_settings
from local.functions_host.queue_trigger import LEASE

STORAGE = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=a2V5;EndpointSuffix=core.windows.net"


def test_a_missing_host_file_gives_the_documented_defaults(tmp_path: Path) -> None:
    settings = host_settings(tmp_path / "host.json", {})
    assert (settings.queues.batch_size, settings.queues.max_dequeue_count) == (16, 5)
    assert settings.queues.visibility_timeout == timedelta(0)
    assert settings.queues.max_polling_interval == timedelta(minutes=1)
    assert settings.blobs.poison_blob_threshold == 5
    assert settings.route_prefix == "api"


def test_what_the_host_file_says_counts(tmp_path: Path) -> None:
    queues = {"batchSize": 8, "newBatchThreshold": 0, "visibilityTimeout": "01:02:03", "messageEncoding": "base64"}
    extensions = {"queues": queues, "blobs": {"maxDegreeOfParallelism": 2}, "http": {"routePrefix": ""}}
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
    settings = host_settings(tmp_path / "host.json", {"PYTHON_THREADPOOL_THREAD_COUNT": "7"})
    assert (settings.queues.batch_size, settings.queues.new_batch_threshold) == (8, 0)
    assert settings.queues.visibility_timeout == timedelta(hours=1, minutes=2, seconds=3)
    assert settings.blobs.max_degree_of_parallelism == 2
    assert settings.route_prefix == ""
    assert settings.threads == 7


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"extensions": {"queues": {"batchSize": 33}}}',
        '{"extensions": {"queues": {"visibilityTimeout": 5}}}',
        '{"extensions": {"queues": {"messageEncoding": "none"}}}',
    ],
)
def test_a_host_file_that_cannot_be_used_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(content)
    with pytest.raises(HostError, match=r"host\.json"):
        host_settings(tmp_path / "host.json", {})


def test_a_connection_is_found_by_its_name() -> None:
    assert connection_string("Drop", {"Drop": "x"}) == "x"
    with pytest.raises(HostError, match="Drop"):
        connection_string("Drop", {})


@pytest.mark.parametrize(
    ("pace", "between_scans", "longest_poll", "stops"),
    [("real", 10.0, timedelta(seconds=10), True), ("quick", 0.5, timedelta(seconds=1), False)],
)
def test_the_real_pace_has_the_times_of_the_real_host(
    pace: str, between_scans: float, longest_poll: timedelta, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", STORAGE)
    chosen = _parser().parse_args(["--pace", pace]).pace
    trigger = QueueTrigger("work", STORAGE)
    function = HostedFunction("work", trigger, "msg", print)
    settings = host_settings(Path(__file__).parents[3] / "host.json", {})
    host = Host([function], settings, LEASE, [0], chosen)
    host._queue_listeners()
    [listener] = host._queues
    assert (listener._limits.max_polling_interval, listener._limits.stops_where_not_allowed) == (longest_poll, stops)
    assert _SECONDS_BETWEEN_SCANS[chosen] == between_scans
