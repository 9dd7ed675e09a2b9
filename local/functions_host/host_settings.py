"""host.json and app settings as the host reads them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

HOST_STORAGE = "AzureWebJobsStorage"
"""The app setting with the connection string of the host's own storage."""

_MOST_BATCH = 32
_MOST_THREADS = 32


class HostError(Exception):
    """The host cannot run the app as it stands; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`extensions.queues` of host.json, defaults as documented."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    """How long a failed message stays away."""
    max_polling_interval: timedelta


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """`extensions.blobs` of host.json, defaults as documented."""

    max_degree_of_parallelism: int
    poison_blob_threshold: int


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Everything that host.json and the environment tell the host."""

    host_id: str
    """Shared by the instances of one app: receipts, leases and the internal queue carry it."""
    queues: QueueSettings
    blobs: BlobSettings
    route_prefix: str
    threads: int


def host_settings(host_file: Path, environment: Mapping[str, str]) -> HostSettings:
    """The settings in `host_file` (defaults where it is missing) and `environment`.

    Raises:
        HostError: host.json cannot be read or holds a value of the wrong shape.
    """
    try:
        content = json.loads(host_file.read_text(encoding="utf-8")) if host_file.exists() else {}
        return _settings(content.get("extensions", {}), environment)
    except (ValueError, TypeError, AttributeError) as error:
        raise HostError(f"{host_file} cannot be used: {error}. Correct it; see the host.json reference.") from error


def _settings(extensions: Mapping[str, Any], environment: Mapping[str, str]) -> HostSettings:
    cores = os.cpu_count() or 1
    queues, blobs, http = (extensions.get(name, {}) for name in ("queues", "blobs", "http"))
    batch_size = int(queues.get("batchSize", 16))
    if not 1 <= batch_size <= _MOST_BATCH:
        raise ValueError(f"batchSize is {batch_size}, not 1 to {_MOST_BATCH}")
    if queues.get("messageEncoding", "base64") != "base64":
        raise ValueError("messageEncoding must be base64 for this host")
    return HostSettings(
        host_id=environment.get("AzureFunctionsWebHost__hostid", "devicedrop"),
        queues=QueueSettings(
            batch_size=batch_size,
            new_batch_threshold=int(queues.get("newBatchThreshold", batch_size // 2 * cores)),
            max_dequeue_count=int(queues.get("maxDequeueCount", 5)),
            visibility_timeout=_time_span(queues.get("visibilityTimeout", "00:00:00")),
            max_polling_interval=_time_span(queues.get("maxPollingInterval", "00:01:00")),
        ),
        blobs=BlobSettings(
            max_degree_of_parallelism=int(blobs.get("maxDegreeOfParallelism", 8 * cores)),
            poison_blob_threshold=int(blobs.get("poisonBlobThreshold", 5)),
        ),
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        threads=int(environment.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(_MOST_THREADS, cores + 4)),
    )


def _time_span(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time span such as 00:01:00")
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def connection_string(name: str, environment: Mapping[str, str]) -> str:
    """The connection string in the app setting that a trigger's `connection` names.

    Raises:
        HostError: the setting is missing.
    """
    if found := environment.get(name):
        return found
    raise HostError(f"the app setting {name} with a storage connection string is missing. Set it in the environment.")
