"""One row, judged: what of it is sent, or why nothing is. Pure, and blind to the other rows.

The combinations of fields that Partner Center accepts: hash (with serial number, product key, or both); product key
alone; serial number with manufacturer and model (Partner Center REST reference, Device).
"""

import re
from datetime import datetime, timedelta

from msgspec import Struct

from shared.device_files.checks import excel_damage as excel
from shared.device_files.hardware_hash.layout import EPOCH
from shared.device_files.hardware_hash.verification import (
    VERIFIED_TOOL_BUILDS,
    Checksum,
    HashProblem,
    VerifiedHash,
    plausible_collections,
    verify,
)
from shared.device_files.placeholders import TEMPLATE_HASH, TEMPLATE_PRODUCT_KEYS, TEMPLATE_SERIALS, is_placeholder
from shared.device_files.reasons import Note, RowReason
from shared.device_files.rows import DeviceRow, Rules, SendableDevice

LONGEST_CELL = 256
"""No serial number, key, manufacturer, model or group tag is longer; the service documents no length."""

_KEY_ID = re.compile(r"[0-9]{13}")
_ANY_KEY = re.compile(r"(?=.*[0-9])[0-9A-Za-z-]{5,}|(?:[0-9A-Za-z]{5}-){4}[0-9A-Za-z]{5}")
"""The shapes that Microsoft's own samples have: dashed product ids and 25-character keys as well as digits."""
_BAR_CODE = re.compile(r"1S(?P<machine_type>[0-9A-Z]{4,10})", re.IGNORECASE)
_REASON_OF_PROBLEM = {
    HashProblem.NOT_A_HASH: RowReason.HASH_NOT_A_HASH,
    HashProblem.CUT: RowReason.HASH_CUT,
    HashProblem.DAMAGED: RowReason.HASH_DAMAGED,
}


class Judgement(Struct, frozen=True):
    """What becomes of a row as far as it alone decides: a device with its notes, or a reason."""

    device: SendableDevice | None
    reason: RowReason | None
    notes: tuple[Note, ...]
    hardware_hash: VerifiedHash | None = None
    """The contents of the hash that is sent."""


class _Serial(Struct, frozen=True):
    """The serial number to send, or why none can be."""

    text: str = ""
    note: Note | None = None
    reason: RowReason | None = None


def judge(row: DeviceRow, rules: Rules, now: datetime) -> Judgement:
    """Decide on one row. Deterministic: `now` only serves the age of hashes."""
    reason = row.problem or _plain_reason(row)
    if reason is not None:
        return Judgement(None, reason, row.notes)
    if row.hardware_hash:
        return _judge_hash(row, rules, now)
    if is_key_id(row.product_key) or not (is_placeholder(row.product_key) or _has_tuple(row)):
        return _judge_key(row)
    return _judge_tuple(row)


def is_key_id(product_key: str) -> bool:
    """Whether a product key is a product key id as machines carry it: 13 digits."""
    return _KEY_ID.fullmatch(product_key) is not None


def _plain_reason(row: DeviceRow) -> RowReason | None:
    if (
        row.serial_number in TEMPLATE_SERIALS
        or row.product_key in TEMPLATE_PRODUCT_KEYS
        or row.hardware_hash.startswith(TEMPLATE_HASH)
    ):
        return RowReason.TEMPLATE_SAMPLE
    fields = (row.serial_number, row.product_key, row.manufacturer, row.model, row.group_tag)
    if max(map(len, fields)) > LONGEST_CELL:
        return RowReason.CELL_TOO_LONG
    if not (row.serial_number or row.hardware_hash) and is_placeholder(row.product_key):
        return RowReason.NO_IDENTITY
    return None


def _has_tuple(row: DeviceRow) -> bool:
    return bool(row.serial_number) and not (is_placeholder(row.manufacturer) or is_placeholder(row.model))


def _judge_key(row: DeviceRow) -> Judgement:
    if excel.is_damaged(row.product_key):
        return Judgement(None, RowReason.PRODUCT_KEY_DAMAGED, row.notes)
    if _ANY_KEY.fullmatch(row.product_key) is None:
        return Judgement(None, RowReason.PRODUCT_KEY_NOT_A_KEY, row.notes)
    notes = row.notes if is_key_id(row.product_key) else (*row.notes, Note.PRODUCT_KEY_UNUSUAL)
    return Judgement(SendableDevice(product_key=row.product_key), None, notes)


def _judge_tuple(row: DeviceRow) -> Judgement:
    if excel.is_damaged(row.serial_number):
        return Judgement(None, RowReason.SERIAL_DAMAGED, row.notes)
    if is_placeholder(row.serial_number):
        return Judgement(None, RowReason.SERIAL_PLACEHOLDER, row.notes)
    if not _has_tuple(row):
        return Judgement(None, RowReason.SERIAL_ALONE, row.notes)
    notes = row.notes if is_placeholder(row.product_key) else (*row.notes, Note.PRODUCT_KEY_LEFT_OUT)
    if row.serial_is_number:
        notes = (*notes, Note.SERIAL_FROM_NUMBER)
    serial_number = _without_bar_code(row.serial_number, row.model)
    if serial_number != row.serial_number:
        notes = (*notes, Note.SERIAL_PREFIX_REMOVED)
    device = SendableDevice(serial_number=serial_number, manufacturer=row.manufacturer, model=row.model)
    return Judgement(device, None, notes)


def _without_bar_code(serial_number: str, machine_type: str) -> str:
    """The serial number alone, where a bar code of `1S`, machine type and serial number was scanned."""
    prefix = "1S" + machine_type
    is_bar_code = len(serial_number) > len(prefix) and serial_number.casefold().startswith(prefix.casefold())
    return serial_number[len(prefix) :] if is_bar_code else serial_number


def _judge_hash(row: DeviceRow, rules: Rules, now: datetime) -> Judgement:
    found = verify(row.hardware_hash)
    if isinstance(found, HashProblem):
        return Judgement(None, _REASON_OF_PROBLEM[found], row.notes)
    if found.checksum is Checksum.WRONG and (
        rules.reject_bad_checksum_of_unknown_tools or found.tool_build in VERIFIED_TOOL_BUILDS
    ):
        return Judgement(None, RowReason.HASH_CHECKSUM_WRONG, row.notes)
    serial = _serial(row.serial_number, found, rules)
    reason = serial.reason or _key_mismatch(row.product_key, found)
    if len(serial.text) > LONGEST_CELL:
        reason = RowReason.CELL_TOO_LONG
    notes = list(row.notes)
    if serial.note is not None:
        notes.append(serial.note)
    if serial.note is Note.SERIAL_ONLY_IN_FILE and row.serial_is_number:
        notes.append(Note.SERIAL_FROM_NUMBER)
    if reason is not None:
        return Judgement(None, reason, tuple(notes))
    sends_key = is_key_id(row.product_key)
    if not (sends_key or is_placeholder(row.product_key)):
        notes.append(Note.PRODUCT_KEY_LEFT_OUT)
    notes += _hash_notes(row, found, rules, now)
    device = SendableDevice(
        serial_number=serial.text or None,
        product_key=row.product_key if sends_key else None,
        hardware_hash=found.canonical,
    )
    return Judgement(device, None, tuple(notes), found)


def _serial(in_row: str, found: VerifiedHash, rules: Rules) -> _Serial:
    """Which serial number goes with a hash. The hash's spelling is sent where both mean the same."""
    in_hash = found.serial_number
    if found.old_form:
        return _Serial(reason=RowReason.SERIAL_DAMAGED) if excel.is_damaged(in_row) else _Serial(in_row)
    if is_placeholder(in_hash):
        return _serial_without_hash(in_row, in_hash)
    if in_row.casefold() == in_hash.casefold():
        return _Serial(in_hash)
    if is_placeholder(in_row) or excel.is_error(in_row):
        return _Serial(in_hash, Note.SERIAL_FROM_HASH)
    if _is_bar_code_of(in_row, in_hash, found.model):
        return _Serial(in_hash, Note.SERIAL_PREFIX_REMOVED)
    if excel.could_show(in_row, in_hash):
        return _Serial(in_hash, Note.SERIAL_RESTORED)
    if rules.trust_hash_serial:
        return _Serial(in_hash, Note.SERIAL_OF_HASH_TRUSTED)
    return _Serial(reason=RowReason.SERIAL_MISMATCH)


def _serial_without_hash(in_row: str, in_hash: str) -> _Serial:
    """The serial number to send beside a hash that holds none."""
    if is_placeholder(in_row) or excel.is_error(in_row):
        return _Serial(in_hash, Note.SERIAL_PLACEHOLDER_IN_BOTH)
    if excel.is_damaged(in_row):
        return _Serial(reason=RowReason.SERIAL_DAMAGED)
    return _Serial(in_row, Note.SERIAL_ONLY_IN_FILE)


def _is_bar_code_of(in_row: str, in_hash: str, model: str) -> bool:
    """Whether a cell is `1S` + machine type + serial number, as on the labels of some makers."""
    if not in_row.casefold().endswith(in_hash.casefold()):
        return False
    prefix = _BAR_CODE.fullmatch(in_row[: len(in_row) - len(in_hash)])
    return prefix is not None and prefix["machine_type"][:4].casefold() == model[:4].casefold()


def _key_mismatch(in_row: str, found: VerifiedHash) -> RowReason | None:
    """Two different product key ids cannot be of one device; a key that the hash lacks says nothing."""
    both = is_key_id(in_row) and is_key_id(found.product_key_id)
    return RowReason.PRODUCT_KEY_MISMATCH if both and in_row != found.product_key_id else None


def _hash_notes(row: DeviceRow, found: VerifiedHash, rules: Rules, now: datetime) -> list[Note]:
    if found.old_form:
        return [Note.HASH_OF_OLD_FORM]
    notes: list[Note] = []
    if found.repaired:
        notes.append(Note.HASH_REPAIRED)
    if found.checksum is Checksum.MISSING:
        notes.append(Note.HASH_WITHOUT_CHECKSUM)
    if found.checksum is Checksum.WRONG:
        notes.append(Note.HASH_CHECKSUM_UNCERTAIN)
    notes += model_notes((row.manufacturer, row.model), (found.manufacturer, found.model))
    if found.from_winpe:
        notes.append(Note.HASH_FROM_WINPE)
    if found.collected_seconds in old_collections(rules, now):
        notes.append(Note.HASH_OLD)
    return notes


def model_notes(in_row: tuple[str, str], in_hash: tuple[str, str]) -> list[Note]:
    """What is to be said of manufacturer and model in a row and in its hash."""
    notes = [Note.HASH_WITHOUT_MANUFACTURER] if is_placeholder(in_hash[0]) else []
    if any(_differs(of_row, of_hash) for of_row, of_hash in zip(in_row, in_hash, strict=True)):
        notes.append(Note.MODEL_DIFFERS_FROM_HASH)
    return notes


def old_collections(rules: Rules, now: datetime) -> range:
    """The collection times that are plausible, but of which the rules want to be told; in seconds."""
    plausible = plausible_collections(now)
    if rules.oldest_hash_days is None:
        return range(0)
    # What was collected in a second that had begun before then is old.
    oldest = -((EPOCH - now + timedelta(days=rules.oldest_hash_days)) // timedelta(seconds=1))
    return range(plausible.start, min(oldest, plausible.stop))


def _differs(in_row: str, in_hash: str) -> bool:
    return bool(in_row and in_hash) and in_row.casefold() != in_hash.casefold()
