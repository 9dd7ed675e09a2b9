"""The stand-in as a program."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.partner_center import main
from tests.local.partner_center.calling import Caller, pc

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_it_is_a_program_that_says_where_it_is_and_stops_when_told(tmp_path: Path, wanted: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "local.partner_center",
        "--data",
        str(tmp_path),
        "--delay",
        "0",
        "--fault",
        "throttle=1",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout
        name, _, url = program.stdout.readline().strip().partition(": ")
        assert name == "Partner Center stand-in"
        assert Caller(url).create([pc("S")]).status == 429
        program.send_signal(wanted)
        _, complaints = program.communicate(timeout=60)
    assert (program.returncode, complaints) == (0, "")


@pytest.mark.parametrize("fault", ["throttle", "no such=1", "throttle=2"])
def test_a_fault_that_cannot_be_is_named(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--fault", fault])
    assert fault in capsys.readouterr().err
