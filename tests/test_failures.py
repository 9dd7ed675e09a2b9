"""A failure that leaves a function reaches Application Insights once, and an alert asks for it."""

import gzip
import json
import logging
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from shared.failures import concerning, logged_failure, subject_of
from tests.infra.bicep import bicep_files
from tests.test_function_app import ENVIRONMENT

ROOT = Path(__file__).parent.parent
INVOCATION = SimpleNamespace(function_name="sweep", invocation_id="invocation-1")


# --- one record


def _fails(error: Exception) -> None:
    raise error


def test_a_failure_is_logged_once_with_its_exception_and_goes_on_to_the_host(caplog: pytest.LogCaptureFixture) -> None:
    error = OSError("storage does not answer")
    with pytest.raises(OSError, match="storage"), logged_failure(INVOCATION), concerning({"file_id": "f"}):
        _fails(error)
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "A function failed")
    assert record.name.startswith("shared.")
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    fields = {name: getattr(record, name) for name in ("function", "invocation_id", "file_id")}
    assert fields == {"function": "sweep", "invocation_id": "invocation-1", "file_id": "f"}


class PanicException(BaseException):
    """As `pyo3_runtime` has it, which cannot be imported."""


@pytest.mark.parametrize("error", [PanicException("out of range"), SystemExit(3), MemoryError(), RecursionError()])
def test_a_failure_that_is_no_exception_of_the_usual_kind_is_logged_too(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(type(error)), logged_failure(INVOCATION), concerning({"file_id": "f"}):
        raise error
    [record] = caplog.records
    assert record.getMessage() == "A function failed"
    assert vars(record)["file_id"] == "f"


def test_a_function_that_succeeds_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with logged_failure(INVOCATION), concerning({"file_id": "f"}):
        pass
    assert not caplog.records


def test_a_subject_that_is_known_closer_to_the_failure_stays() -> None:
    inner, outer = {"file_id": "f"}, {"file_id": "outer", "blob": "b"}
    with pytest.raises(OSError, match="lost") as caught, concerning(outer), concerning(inner):
        raise OSError("lost")
    assert subject_of(caught.value) == {"file_id": "f", "blob": "b"}


def test_a_group_concerns_whatever_its_parts_concern() -> None:
    parts: list[Exception] = []
    for submission in ("1", "2"):
        fields = {"file_id": "f", "submission": submission}
        with pytest.raises(OSError, match="lost") as caught, concerning(fields):
            raise OSError("lost")
        parts.append(caught.value)
    assert subject_of(ExceptionGroup("both", parts)) == {"file_id": "f", "submission": "1, 2"}


# --- what Application Insights gets


class Collector:
    """Stands in for the ingestion endpoint of Application Insights."""

    def __init__(self) -> None:
        items: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                received = json.loads(body)
                items.extend(received)
                answer = {"itemsReceived": len(received), "itemsAccepted": len(received), "errors": []}
                content = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.items = items
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture(scope="module")
def collected() -> tuple[list[dict[str, Any]], str]:
    """The exported items of a process in which every function fails once, and what the functions returned."""
    collector = Collector()
    thread = Thread(target=collector.server.serve_forever, daemon=True)
    thread.start()
    deployed = bicep_files()["app.bicep"].variable("hostSettings")
    exports = {name: value for name, value in deployed.items() if name.startswith(("OTEL_", "PYTHON_APPLICATION"))}
    key = "InstrumentationKey=00000000-0000-0000-0000-000000000001"
    environment = (
        os.environ
        | ENVIRONMENT
        | exports
        | {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": f"{key};IngestionEndpoint={collector.address}",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "PYTHONPATH": str(ROOT),
        }
    )
    ran = subprocess.run(
        [sys.executable, "-m", "tests.failing_functions"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()
    assert ran.returncode == 0, ran.stderr
    return collector.items, ran.stdout


def _exceptions(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The logged exceptions. An exception that leaves a step is exported with its span as well, under its own text."""
    found = [item["data"]["baseData"] for item in items if item["data"]["baseType"] == "ExceptionData"]
    return [data for data in found if data["exceptions"][0]["message"].endswith(" failed")]


def test_every_way_in_which_a_function_fails_reaches_application_insights_once(
    collected: tuple[list[dict[str, Any]], str],
) -> None:
    items, printed = collected
    file = re.search(r"file: (.*)", printed)
    assert file is not None, printed
    told = [
        (data["exceptions"][0]["message"], data["exceptions"][0]["typeName"], data["properties"].get("function"))
        for data in _exceptions(items)
    ]
    assert told == [
        ("A function failed", "OSError", "receive_device_file"),
        ("A function failed", "OSError", "advance_submission"),
        ("A function failed", "ExceptionGroup", "advance_submission"),
        ("A function failed", "ExceptionGroup", "sweep"),
        ("A request failed", "OSError", None),
    ], printed
    received, one, both, swept, answered = (data["properties"] for data in _exceptions(items))
    assert received["blob"].endswith("/devices.csv")
    assert (one["file_id"], one["submission"]) == (file[1], "1")
    assert (both["file_id"], both["submission"]) == (file[1], "1, 2")
    assert both["invocation_id"] == "invocation-of-advance_submission"
    assert "open_files" in swept["duty"]
    assert (answered["method"], answered["path"]) == ("GET", "/api/files")


def test_no_row_and_no_hash_reaches_application_insights(collected: tuple[list[dict[str, Any]], str]) -> None:
    exported = json.dumps(collected[0])
    assert "SN-0000" not in exported
    assert not re.search(r"[A-Za-z0-9+/=]{200,}", exported)


def test_an_alert_asks_for_every_failure(collected: tuple[list[dict[str, Any]], str]) -> None:
    [rule] = [rule for rule in bicep_files()["alerts.bicep"].variable("rules") if rule["name"] == "function-failing"]
    assert rule["query"].split()[0] == "exceptions"
    asked = set(re.findall(r'"([^"]+)"', rule["query"]))
    assert {data["exceptions"][0]["message"] for data in _exceptions(collected[0])} == asked
