"""Files that are taken away: results.csv as it stands in the results container, to_fix.csv and report.html made anew.

The worker holds an answer whole, and copies it on the way to the host. So a large one goes out compressed, piece by
piece as it is read, and one that is large even then is refused with the place where it lies.
"""

import re
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

import azure.functions as func
from werkzeug.http import dump_options_header, parse_accept_header

from shared.pipeline.blob_names import RESULTS_CONTAINER, results_folder
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import CopyExpired
from shared.pipeline.corrections.to_fix import NAME as TO_FIX
from shared.pipeline.corrections.to_fix import to_fix_csv
from shared.status.http import Refusal, tagged
from shared.status.queries import known_file
from shared.status.report import NAME as REPORT
from shared.status.report import report_html
from shared.status.schemas import ErrorCode
from shared.storage.blobs import VersionGone
from shared.storage.records import DeviceFile

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of an answer."""

CSV = "text/csv"
HTML = "text/html"

_GZIP_WINDOW = 31
"""`wbits` of zlib for a gzip stream with the largest window."""

_LEVEL = 3

_TOO_MUCH_TO_FIX = (
    f"The rows to fix are more than {LARGEST_BODY // 2**20} MiB as they would be sent. Ask with `Accept-Encoding: "
    "gzip` (curl --compressed), or fix the file that was dropped itself: results.csv names its rows and what to do."
)

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")


class TooLarge(Exception):
    """The body is larger than an answer may be."""


def results_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """results.csv of a file that is final. Raises Refusal."""
    _refuse_unless_final(file)
    path = f"{results_folder(file.customer_id, file.batch_id, file.name, file.file_id)}/results.csv"
    try:
        return tagged(request, attachment(pipeline.results.stream(path), f"{file.name}.results.csv", CSV, request))
    except VersionGone as error:
        raise Refusal(
            HTTPStatus.GONE,
            ErrorCode.GONE,
            "The results of this file are not in storage any more: they were deleted there, or are past their "
            "retention. The outcomes are still answered at the address of the file, with /outcomes behind it.",
        ) from error
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _too_large(path)) from error


def to_fix_answer(pipeline: Pipeline, file: DeviceFile, request: func.HttpRequest) -> func.HttpResponse:
    """to_fix.csv of a closed file. Raises Refusal."""
    _refuse_unless_final(file)
    try:
        return tagged(request, attachment(to_fix_csv(pipeline, file), f"{file.name}.{TO_FIX}", CSV, request))
    except CopyExpired as error:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(error)) from error
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MUCH_TO_FIX) from error


def report_answer(pipeline: Pipeline, customer_id: str, file_id: str, request: func.HttpRequest) -> func.HttpResponse:
    """report.html of a file that is final. Raises Refusal, NotFound."""
    file = known_file(pipeline, customer_id, file_id)
    _refuse_unless_final(file)
    page = report_html(pipeline, customer_id, file_id).encode("utf-8", "replace")
    return attachment(iter([page]), f"{file.name}.{REPORT}", HTML, request)


def _refuse_unless_final(file: DeviceFile) -> None:
    if not file.state.is_final:
        raise Refusal(
            HTTPStatus.CONFLICT,
            ErrorCode.CONFLICT,
            f"The file is {file.state}: its results are written when every row has its outcome. Ask again later.",
        )


def attachment(pieces: Iterator[bytes], name: str, mimetype: str, request: func.HttpRequest) -> func.HttpResponse:
    """`pieces` as a file to be saved as `name`, compressed if the client takes it. Raises TooLarge."""
    headers = {"Content-Disposition": _to_be_saved_as(name), "Vary": "Accept-Encoding"}
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        pieces = _compressed(pieces)
    return func.HttpResponse(_whole(pieces), headers=headers, mimetype=mimetype, charset="utf-8")


def takes_gzip(request: func.HttpRequest) -> bool:
    """Whether the client says that it takes gzip."""
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


def _to_be_saved_as(name: str) -> str:
    """Content-Disposition with any name: nothing in it ends the header or leads out of a folder."""
    shown = name[-150:]
    names = {"filename": _NOT_PLAIN.sub("_", shown), "filename*": f"UTF-8''{quote(shown, safe='')}"}
    return dump_options_header("attachment", names)


def _too_large(path: str) -> str:
    return (
        f"It has more than {LARGEST_BODY // 2**20} MiB as it would be sent. Ask with `Accept-Encoding: gzip` (curl "
        f"--compressed), or take the blob {path} from the container {RESULTS_CONTAINER}: az storage blob download "
        f"--auth-mode login --container-name {RESULTS_CONTAINER} --name '{path}' --file results.csv"
    )
