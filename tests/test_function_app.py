"""The front door: what the host is told agrees with host.json, with the names in the code, and with the real worker."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shared.pipeline.blob_names import DROP_CONTAINER
from shared.settings import STORAGE_CONNECTION
from shared.storage.connection import SUBMISSIONS_QUEUE

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    "DeviceStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_URL": "http://127.0.0.1:9",
    "PARTNER_CENTER_TOKEN": "token",
    "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
}
WORKER_LIBRARY = "azure-functions-runtime==1.3.0"
WORKERS = {"receive_device_file", "advance_submission", "sweep", "reconcile"}
"""The functions that are not called by HTTP."""

HTTP = "httpTrigger"


@pytest.fixture(scope="module")
def triggers() -> Iterator[dict[str, dict[str, Any]]]:
    """Each function's trigger, as the library tells it to the host."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        sys.modules.pop("function_app", None)
        import function_app

        found: dict[str, dict[str, Any]] = {}
        for function in function_app.app.get_functions():
            trigger = function.get_trigger()
            assert trigger is not None
            found[str(function.get_function_name())] = json.loads(json.dumps(trigger.get_dict_repr(), default=str))
        yield found
        sys.modules.pop("function_app", None)


@pytest.fixture(scope="module")
def host() -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
    return settings


def test_four_functions_do_the_work_and_the_others_answer_http(triggers: dict[str, dict[str, Any]]) -> None:
    assert {name for name, trigger in triggers.items() if trigger["type"] != HTTP} == WORKERS
    # The addresses and keys of the others are the matter of tests/status/test_routes.py.
    assert len(triggers) > len(WORKERS)


def test_an_instance_that_answers_no_http_imports_the_tables_of_routes_and_roles_and_nothing_else_of_http() -> None:
    command = (
        "import sys, function_app; "
        "print([name for name in sys.modules if name.startswith(('shared.status', 'jinja2'))])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.strip() == "['shared.status', 'shared.status.roles', 'shared.status.routes']", answer.stderr


def test_the_blob_trigger_watches_the_drop_container(triggers: dict[str, dict[str, Any]]) -> None:
    trigger = triggers["receive_device_file"]
    assert trigger["type"] == "blobTrigger"
    assert trigger["path"] == f"{DROP_CONTAINER}/{{name}}"
    assert trigger["connection"] == STORAGE_CONNECTION
    assert trigger["source"].endswith("LOGS_AND_CONTAINER_SCAN") or trigger["source"] == "LogsAndContainerScan"


def test_the_queue_trigger_reads_the_queue_that_wake_ups_are_sent_to(triggers: dict[str, dict[str, Any]]) -> None:
    trigger = triggers["advance_submission"]
    assert trigger["type"] == "queueTrigger"
    assert trigger["queueName"] == SUBMISSIONS_QUEUE
    assert trigger["connection"] == STORAGE_CONNECTION


def test_the_timer_does_not_run_at_every_start(triggers: dict[str, dict[str, Any]]) -> None:
    trigger = triggers["sweep"]
    assert trigger["type"] == "timerTrigger"
    assert trigger["schedule"] == "0 */5 * * * *"
    assert trigger["runOnStartup"] is False


def test_the_reconciliation_is_a_timer_of_its_own(triggers: dict[str, dict[str, Any]]) -> None:
    trigger = triggers["reconcile"]
    assert trigger["type"] == "timerTrigger"
    assert trigger["schedule"] == "0 30 1 * * *"
    assert trigger["runOnStartup"] is False


def test_the_host_reads_messages_as_they_are_written(host: dict[str, Any]) -> None:
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"


def test_the_host_gives_a_failed_wake_up_time_and_several_tries(host: dict[str, Any]) -> None:
    queues = host["extensions"]["queues"]
    assert queues["maxDequeueCount"] >= 5
    assert queues["visibilityTimeout"] >= "00:00:30"


def test_the_host_has_a_bundle_and_an_end_for_every_function(host: dict[str, Any]) -> None:
    assert host["version"] == "2.0"
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", host["functionTimeout"])


def _python_3_13() -> str | None:
    """A Python 3.13 of this machine, if there is one."""
    versions = Path.home() / ".pyenv" / "versions"
    candidates = [sys.executable, shutil.which("python3.13"), *sorted(map(str, versions.glob("3.13*/bin/python3.13")))]
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.startswith("Python 3.13"):
            return candidate
    return None


def _worker_python(python: str) -> Path:
    """The interpreter of an environment that holds the deployed packages and the production worker's library."""
    wanted = (ROOT / "requirements.txt").read_text() + WORKER_LIBRARY
    folder = ROOT / ".local" / f"worker-{sha256(wanted.encode()).hexdigest()[:12]}"
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        install = [
            str(interpreter),
            "-m",
            "pip",
            "install",
            "--quiet",
            "-r",
            str(ROOT / "requirements.txt"),
            WORKER_LIBRARY,
        ]
        subprocess.run(install, check=True, capture_output=True)
        done.touch()
    return interpreter


def _answer_of_the_worker(*arguments: str) -> Any:
    python = _python_3_13()
    if python is None:
        pytest.skip("no Python 3.13 was found on this machine, which the production worker's library needs")
    answer = subprocess.run(
        [_worker_python(python), ROOT / "tests" / "production_worker.py", ROOT, *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_function_runs_within_the_trace_of_its_invocation_on_the_production_worker() -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    seen = _answer_of_the_worker("--invoke", f"00-{trace_id}-00f067aa0ba902b7-01")
    assert seen == {"advance_submission": trace_id, "sweep": trace_id}


def test_the_production_workers_library_indexes_every_function() -> None:
    found = {name: [json.loads(binding) for binding in bindings] for name, bindings in _answer_of_the_worker().items()}
    http = {name for name, bindings in found.items() if any(binding["type"] == HTTP for binding in bindings)}
    assert set(found) - http == WORKERS
    assert {"list_files", "zz_unknown_address"} <= http
    (blob,) = found["receive_device_file"]
    assert blob["properties"]["SupportsDeferredBinding"] is True
