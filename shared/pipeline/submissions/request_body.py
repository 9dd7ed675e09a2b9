"""Makes a submission's request body when its file is read, and rebuilds a lost body from the private copy."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from shared.device_files.checks.duplicates import ReadAgain
from shared.device_files.rows import CheckedRow, SendableDevice
from shared.partner_center.models import NewDevice, base64_json, encode_devices
from shared.pipeline.blob_names import is_payload
from shared.pipeline.private_copy import rows_as_read
from shared.pipeline.submissions.matching import SentRow
from shared.reasons import UnreadableDeviceFile
from shared.storage.blobs import Container, VersionGone
from shared.storage.records import DeviceFile, Submission


def new_device(device: SendableDevice) -> NewDevice:
    """`device` in Partner Center's form."""
    verified = device.hardware_hash
    return NewDevice(
        serial_number=device.serial_number,
        product_key=device.product_key,
        hardware_hash=None if verified is None else base64_json(verified),
        oem_manufacturer_name=device.manufacturer,
        model_name=device.model,
    )


def body_made_again(
    private: Container, file: DeviceFile, submission: Submission, rows: Sequence[SentRow]
) -> bytes | None:
    """The body of a submission of these `rows`, from the private copy of its file.

    None when the copy is missing too, or does not yield exactly the journaled bytes.
    """
    wanted = {row.row for row in rows}
    try:
        devices = [new_device(device) for number, device in _devices(private, file, submission) if number in wanted]
    except (VersionGone, UnreadableDeviceFile, ReadAgain):
        return None
    body = encode_devices(devices)
    return body if is_payload(body, submission.payload_digest) else None


def _devices(private: Container, file: DeviceFile, submission: Submission) -> Iterator[tuple[int, SendableDevice]]:
    """The devices of the file with their row numbers, up to the last row of the submission."""

    def is_within(row: CheckedRow) -> bool:
        return row.row <= submission.last_row

    for row in takewhile(is_within, rows_as_read(private, file)):
        if row.device is not None:
            yield row.row, row.device
