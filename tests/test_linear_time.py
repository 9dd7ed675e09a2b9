"""Texts from outside cost time in proportion to their length, whatever they are made of: no expression is quadratic."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise, product

import azure.functions as func

from local.following import harmless
from shared.device_files.reading import read_device_file
from shared.device_files.rows import Rules
from shared.errors import DeviceDropError
from shared.partner_center.errors import read_fault, retry_after
from shared.partner_center.models import decode_device_page, decode_upload_details, link_in_body
from shared.partner_center.outcome_codes import explain
from shared.partner_center.paths import tracking_id_in
from shared.partner_center.service_text import service_text
from shared.pipeline.blob_names import retried_file
from shared.pipeline.closing.csv_output import in_one_cell
from shared.status.http import is_known
from shared.status.paging import FilePosition, position_in
from shared.storage.keys import safe_key
from shared.storage.transactions import answered, error_words
from shared.storage.wakeups import decode
from tests.pipeline.world import HEADER

LENGTHS = (8_000, 16_000, 32_000)
"""Characters of a text, and of texts twice and four times as long."""

MOST = 2.5
"""Times the CPU of a text that a text of twice its length may take."""

NOTHING = 0.003
"""Seconds of CPU below which a text is not measured: what takes so little cannot take long at the sizes let in."""

TRIES = 4
NOW = datetime(2026, 11, 20, tzinfo=UTC)
TRACKING = "/batchjobstatus/6d4d3aae-4c0e-4f0e-9b0c-2f3f3c0f5a11"


def _entity_tag(text: str) -> None:
    is_known('"x"', func.HttpRequest("GET", "/", headers={"if-none-match": text}, body=b""))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


OF_SERVICES: Mapping[str, Callable[[str], object]] = {
    "the body of a failure": lambda text: read_fault(_bytes(text)),
    "the description of a failure": lambda text: read_fault(_bytes(json.dumps({"code": 1, "description": text}))),
    "Retry-After": lambda text: retry_after(text, NOW),
    "a link to a job": tracking_id_in,
    "the body of an acceptance": lambda text: link_in_body(_bytes(text)),
    "the status of a job": lambda text: decode_upload_details(_bytes(text)),
    "a page of devices": lambda text: decode_device_page(_bytes(text)),
    "a code and a name": lambda text: explain(text, text),
    "a text to be kept": lambda text: service_text(text, 1_024),
    "a key": safe_key,
    "the error of a table": lambda text: error_words(_bytes(text)),
    "the answer to a transaction": lambda text: answered(
        "multipart/mixed; boundary=batch_0", _bytes(f"--batch_0\r\n{text}"), 1
    ),
    "a wake-up": lambda text: decode(_bytes(text)),
    "the name of a file": retried_file,
    "a cell of results": in_one_cell,
    "If-None-Match": _entity_tag,
    "a cursor": lambda text: position_in(text, FilePosition),
    "a line of a terminal": harmless,
}

PARTS = (
    *("<", "<a", "<a ", "<!--", "<script", "<script>", "</script", "</script ", "<style", "<?xml "),
    *(
        "&",
        "&#",
        "&#x",
        "&amp",
        "&amp;",
        "amp;",
        "a",
        "a ",
        "A",
        "9",
        "9,",
        "1.",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r\n--",
        "\xa0",
    ),
    *("/", "//", "batchjobstatus/", TRACKING, f"{TRACKING}?", f"{TRACKING}?\n", f"{TRACKING}/"),
    *(
        "not ",
        "success ",
        "success",
        "error",
        "fail",
        "other ",
        "other tenant",
        "n\u2019t ",
        "Try again in ",
        "try again in 1",
    ),
    *(
        '"',
        '""',
        '"a',
        'W/"',
        'W/"a" ',
        "*,",
        "\\",
        "{",
        "[",
        '{"a":',
        "[1,",
        "{},",
        "--batch_0",
        "~",
        "!",
        "%",
        "\u4e00",
    ),
    *(
        "Mon, ",
        "GMT ",
        " (retry of ",
        " (retry of 12345678)",
        ";",
        "=",
        "+",
        "|",
        "^",
        ".",
        "-",
        "_",
        "=a",
        "x-",
        "\x00",
    ),
)

ENDS = ("!", "", "<", '"', ":")
"""What follows the repeated part: an expression may be slow only where the text ends otherwise than it goes on."""


def _read(content: bytes) -> None:
    pieces = [content[at : at + 65_536] for at in range(0, len(content), 65_536)]
    for _ in read_device_file(lambda: pieces, name="devices.csv", rules=Rules(), now=NOW):
        pass


IN_FILES: Mapping[str, Callable[[str], object]] = {
    "a device file": lambda text: _read(_bytes(text)),
    "a cell of a device file": lambda text: _read(_bytes(f"{HEADER}\r\nSN1,,,LENOVO,{text}\r\n")),
    "tabs before a typographic quote": lambda text: _read(_bytes("\t".join((f"{HEADER}\r\n", *text, "\u201c\r\n")))),
    "the maker in a row that fell apart": lambda text: _read(_bytes(f"{HEADER}\r\nSN1,,,{text},PC (Q35, 2009)\r\n")),
    "a quoted cell of a device file": lambda text: _read(_bytes(f'{HEADER}\r\n"{text}",,,LENOVO,X\r\n')),
}


def _seconds(act: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    with suppress(DeviceDropError):
        act(text)
    return time.thread_time() - started


def _is_quadratic(act: Callable[[str], object], texts: Sequence[str]) -> bool:
    """Whether the time grows faster than the text at each doubling; only ever other work makes a measurement longer."""
    if _seconds(act, texts[1]) <= NOTHING:
        return False
    least = [_seconds(act, text) for text in texts]
    for _ in range(TRIES):
        if any(longer <= MOST * shorter for shorter, longer in pairwise(least)):
            return False
        least = [min(before, _seconds(act, text)) for before, text in zip(least, texts, strict=True)]
    return True


def _check(acts: Mapping[str, Callable[[str], object]], parts: Iterable[str], ends: Iterable[str]) -> None:
    slow = [
        f"{name} of {part!r} and {end!r}"
        for (name, act), part, end in product(acts.items(), parts, ends)
        if _is_quadratic(act, [part * (length // len(part)) + end for length in LENGTHS])
    ]
    assert not slow


def test_texts_of_services_cost_time_in_proportion_to_their_length(*, campaign: bool) -> None:
    _check(OF_SERVICES, PARTS, ENDS if campaign else ENDS[:1])


def test_texts_in_device_files_cost_time_in_proportion_to_their_length(*, campaign: bool) -> None:
    _check(IN_FILES, PARTS if campaign else PARTS[::9], ENDS if campaign else ENDS[:1])
