"""The downloads of registered devices: as CSV, and as a device file."""

from http import HTTPStatus

import azure.functions as func

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.listing import devices_csv
from shared.pipeline.inventory.reading import keep_fresh
from shared.status.downloads import CSV, LARGEST_BODY, TooLarge, attachment
from shared.status.http import Refusal
from shared.status.queries import canonical_customer, customer_names
from shared.status.registered_devices import READ_ANEW
from shared.status.schemas import ErrorCode
from shared.storage.blobs import VersionGone

_TOO_MANY = (
    f"The devices are more than {LARGEST_BODY // 2**20} MiB. Send `Accept-Encoding: gzip` (curl --compressed), ask for "
    "one batch, or use 'python -m local devices'."
)


def devices_csv_answer(
    pipeline: Pipeline, customer_id: str, batch_id: str | None, request: func.HttpRequest, *, as_device_file: bool
) -> func.HttpResponse:
    """The devices as last read, as CSV or as a device file. Raises NotFound, Refusal."""
    customer = canonical_customer(customer_id)
    keep_fresh(pipeline, customer)
    name = f"{customer_names(pipeline).name_of(customer) or customer}{f' {batch_id}' if batch_id else ''}"
    kind = "device file" if as_device_file else "registered devices"
    pieces = devices_csv(pipeline, customer, batch_id, as_device_file=as_device_file)
    try:
        return attachment(pieces, f"{name} - {kind}.csv", CSV, request)
    except VersionGone as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, READ_ANEW) from error
    except TooLarge as error:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, _TOO_MANY) from error
