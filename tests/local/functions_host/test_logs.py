"""The lines of the host's log."""

import logging
import sys

from local.functions_host.logs import LineFormatter


def line(message: str, **extra: object) -> str:
    record = logging.getLogger("any").makeRecord("any", logging.INFO, "file", 1, message, (), None, extra=extra)
    return LineFormatter("host-1").format(record)


def test_a_line_has_time_instance_sentence_and_extra_fields() -> None:
    text = line("A device file was read", file_id="1", rows=3)
    assert text.endswith("Z INFO    [host-1] A device file was read (file_id=1, rows=3)")


def test_what_comes_from_files_cannot_forge_a_line() -> None:
    assert "\n" not in line("read", file="a\n2026 INFO forged\x1b[2J")


def test_a_traceback_follows_its_line() -> None:
    try:
        int("told to")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "levelname": "ERROR", "exc_info": sys.exc_info()})
    assert LineFormatter("host-1").format(record).splitlines()[-1].startswith("ValueError: ")
