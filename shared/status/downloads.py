"""Downloads: results.csv from the results container; workbooks, to_fix.csv and report.html, made for each request.

The worker holds an answer in memory and copies it to the host. So a large file is compressed piece by piece as it is
read, and refused when it is too large even then: the answer says where its blob is.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

import azure.functions as func
from werkzeug.http import dump_options_header, parse_accept_header

from shared.pipeline.blob_names import RESULTS_CONTAINER, fix_name
from shared.pipeline.closing.csv_output import results_csv, results_table
from shared.pipeline.closing.summary import folder_of
from shared.pipeline.closing.workbook_output import MOST_ROWS, XLSX, workbook
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import CopyExpired
from shared.pipeline.corrections.to_fix import to_fix_csv, to_fix_rows
from shared.status.http import Refusal, tagged
from shared.status.presenters import links_of
from shared.status.report import NAME as REPORT
from shared.status.report import report_html
from shared.status.schemas import ErrorCode
from shared.storage.blobs import VersionGone
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of an answer."""

MOST_CHARACTERS = 40 * 1024 * 1024
"""Of all cells of a workbook: so many of hashes, which hardly shrink, fill an answer."""

CSV = "text/csv"
HTML = "text/html"

_GZIP_WINDOW = 31
"""`wbits` of zlib for a gzip stream with the largest window."""

_LEVEL = 3

_TOO_MUCH_TO_FIX = (
    f"The rows to fix are more than {LARGEST_BODY // 2**20} MiB. Send `Accept-Encoding: gzip` (curl --compressed), or "
    "fix the dropped file itself: results.csv names its rows and what to do."
)

_TOO_MUCH_SO_FAR = (
    f"The results so far are more than {LARGEST_BODY // 2**20} MiB. Send `Accept-Encoding: gzip` (curl --compressed), "
    "or wait until the file is closed."
)
_TOO_MUCH_FOR_A_WORKBOOK = (
    f"This is too much for a workbook, which is written for files of up to {MOST_ROWS:,} rows, or some 10,000 with "
    "hashes. Take the CSV, and import it into the spreadsheet with every column as text."
)
_NOT_WITHDRAWN = (
    "No device of this file was withdrawn, or its withdrawal is still in progress. withdrawals.csv is written at the "
    "end of a withdrawal."
)

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")


class TooLarge(Exception):
    """The body is larger than an answer may be."""


def results_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """results.csv of a file; while it is registering, the rows that have their outcome so far. Raises Refusal."""
    _refuse_before_read(file)
    if file.state.is_final:
        return _stored_answer(pipeline, file, "results.csv", request)
    rows = pipeline.journal.outcomes.of_file(file)
    try:
        return tagged(
            request, attachment(results_csv(rows, file.delimiter), f"{file.name}.results so far.csv", CSV, request)
        )
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MUCH_SO_FAR) from error


def results_workbook_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """results.xlsx: the cells of results.csv as text. Raises Refusal."""
    _refuse_before_read(file)
    _refuse_unless_small(file)
    name = f"{file.name}.results{'' if file.state.is_final else ' so far'}.xlsx"
    return workbook_answer(file.received_at, results_table(pipeline.journal.outcomes.of_file(file)), name, request)


def withdrawals_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """withdrawals.csv of a file whose devices were withdrawn. Raises Refusal."""
    if links_of(file).withdrawals_csv is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, _NOT_WITHDRAWN)
    return _stored_answer(pipeline, file, "withdrawals.csv", request)


def _stored_answer(pipeline: Pipeline, file: DeviceFile, name: str, request: func.HttpRequest) -> func.HttpResponse:
    """A blob in the folder of the file's results. Raises Refusal."""
    path = f"{folder_of(file)}/{name}"
    try:
        return tagged(request, attachment(pipeline.results.stream(path), f"{file.name}.{name}", CSV, request))
    except VersionGone as error:
        raise Refusal(
            HTTPStatus.GONE,
            ErrorCode.GONE,
            "The results of this file are no longer in storage: they were deleted, or are past their retention. The "
            "outcomes are still at the address of the file, followed by /outcomes.",
        ) from error
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _too_large(path)) from error


def to_fix_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """to_fix.csv of a file; while it is registering, of the rows that have their outcome so far. Raises Refusal."""
    _refuse_before_read(file)
    try:
        return tagged(request, attachment(to_fix_csv(pipeline, file), fix_name(file.name, file.file_id), CSV, request))
    except CopyExpired as error:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(error)) from error
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MUCH_TO_FIX) from error


def to_fix_workbook_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """to_fix.xlsx: the cells of to_fix.csv as text. Raises Refusal."""
    _refuse_before_read(file)
    _refuse_unless_small(file)
    try:
        table = to_fix_rows(pipeline, file)
        return workbook_answer(file.received_at, table, fix_name(file.name, file.file_id, ".xlsx"), request)
    except CopyExpired as error:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(error)) from error


def workbook_answer(
    made_at: datetime, table: Iterator[Sequence[str]], name: str, request: func.HttpRequest
) -> func.HttpResponse:
    """`table` as a workbook to be saved as `name`. Raises Refusal."""
    try:
        return tagged(request, attachment(workbook(_bounded(table), made_at), name, XLSX, request))
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MUCH_FOR_A_WORKBOOK) from error


def _bounded(table: Iterator[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The rows of a table, until they are too many for a workbook, which is written whole before it is sent.

    Raises:
        TooLarge: they are.
    """
    characters = 0
    for cells in table:
        characters += sum(map(len, cells))
        if characters > MOST_CHARACTERS:
            raise TooLarge
        yield cells


def _refuse_unless_small(file: DeviceFile) -> None:
    if file.read_counts.total > MOST_ROWS:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MUCH_FOR_A_WORKBOOK)


def report_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """report.html of a file that is final. Raises Refusal."""
    _refuse_unless_final(file)
    page = report_html(pipeline, file).encode("utf-8", "replace")
    return attachment(iter([page]), f"{file.name}.{REPORT}", HTML, request)


def _refuse_before_read(file: DeviceFile) -> None:
    if file.state is FileState.RECEIVED:
        raise Refusal(
            HTTPStatus.CONFLICT,
            ErrorCode.CONFLICT,
            "The rows of the file are still being read, so none has its outcome yet: try again in a moment.",
        )


def _refuse_unless_final(file: DeviceFile) -> None:
    if not file.state.is_final:
        raise Refusal(
            HTTPStatus.CONFLICT,
            ErrorCode.CONFLICT,
            f"The file is {file.state}. Its results are written once every row has its outcome: try again later.",
        )


def attachment(pieces: Iterator[bytes], name: str, mimetype: str, request: func.HttpRequest) -> func.HttpResponse:
    """`pieces` as a file to be saved as `name`, compressed if the client accepts it. Raises TooLarge."""
    headers = {"Content-Disposition": _content_disposition(name), "Vary": "Accept-Encoding"}
    if accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        pieces = _compressed(pieces)
    return func.HttpResponse(_whole(pieces), headers=headers, mimetype=mimetype, charset="utf-8")


def accepts_gzip(request: func.HttpRequest) -> bool:
    """Whether the client accepts gzip."""
    return parse_accept_header(request.headers.get("accept-encoding")).quality("gzip") > 0


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _whole(pieces: Iterator[bytes]) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_BODY:
            raise TooLarge
    return bytes(body)


def _content_disposition(name: str) -> str:
    """Content-Disposition with any name: no character of it ends the header or leaves the folder."""
    shown = name[-150:]
    names = {"filename": _NOT_PLAIN.sub("_", shown), "filename*": f"UTF-8''{quote(shown, safe='')}"}
    return dump_options_header("attachment", names)


def _too_large(path: str) -> str:
    return (
        f"The results are more than {LARGEST_BODY // 2**20} MiB. Send `Accept-Encoding: gzip` (curl --compressed), or "
        f"download the blob {path} from the container {RESULTS_CONTAINER}: az storage blob download --auth-mode login "
        f" --container-name {RESULTS_CONTAINER} --name '{path}' --file {path.rpartition('/')[2]}"
    )
