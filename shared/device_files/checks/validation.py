"""One row, judged: what of it is sent, or why nothing is. Blind to the other rows.

The combinations of fields that Partner Center accepts: hash (with serial number, product key, or both); product key
alone; serial number with manufacturer and model (Partner Center REST reference, Device).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from shared.device_files.batch_names import batch_of_tag
from shared.device_files.cells import CellType, type_of
from shared.device_files.checks import excel_damage
from shared.device_files.checks.serial_numbers import (
    has_foreign_sign,
    is_name_or_time,
    is_usual,
    is_written_value,
    names_something_else,
    problem_of,
    unwrapped,
)
from shared.device_files.hardware_hash.layout import EPOCH
from shared.device_files.hardware_hash.verification import (
    VERIFIED_TOOL_BUILDS,
    Checksum,
    VerifiedHash,
    plausible_collections,
    verify,
)
from shared.device_files.placeholders import (
    TEMPLATE_HASH,
    TEMPLATE_PRODUCT_KEYS,
    TEMPLATE_SERIALS,
    is_manufacturer,
    is_placeholder,
    is_product_key,
    is_template_text,
    says_as_above,
    spelling_differs,
)
from shared.device_files.rows import DeviceRow, Rules, SendableDevice
from shared.device_files.tables.header_names import meaning
from shared.reasons import Note, RowReason

LONGEST_CELL = 256
"""No serial number, key, manufacturer, model or group tag is longer; the service documents no length."""
_MOST_REMEMBERED = 4_096
_NO_SERIAL_OF_TOOL = "SMBIOS_STRING_INDEX_"
"""The collecting tool writes it where the firmware has no serial number, as on QEMU: such hashes enrol. A maker's
placeholder is the serial number of many devices."""

_BAR_CODE_MARKS = ("1S", "1s")
_BAR_CODE = re.compile(r"1S(?P<machine_type>[0-9A-Z]{4,10})", re.IGNORECASE)
_WHOLE_BAR_CODE = re.compile(r"1S[0-9A-Z]{15,20}", re.IGNORECASE)
"""Of a machine type that the row's model does not tell from the serial number behind it."""
_MACHINE_TYPE = re.compile(r"[12][0-9](?=[0-9]*[A-Z])[0-9A-Z]{8}")
"""Of Lenovo, whose serial numbers have eight characters: it stands where the serial number should."""
_SIGNS = re.compile(r"[\W_]+")
_LOST_LETTER = re.compile(
    r"(?<=\w)\?|\?(?=\w)|\ufffd|[\xc2\xc3][\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u2018-\u203a\u20ac]"
    r"|%[0-9A-F]{2}|=(?:20|C3|3D)|\+A[IKMNOP][A-Za-z0-9/]-"
)
"""What saving as ASCII, reading in a wrong encoding, or an escape of addresses, mail or UTF-7 leaves of a letter."""
_STRAY_QUOTE = re.compile('[\u201c-\u201f\u00ab\u00bb]|""|^[,;|^]|[,;|^]$')
"""Quotes that were not in pairs around a group tag, and a delimiter that they enclosed."""
_USER = re.compile(r"(?:.*\s)?(?:[^@\s]+@[^@\s]+\.[^@\s.]+|[^\\\s]+\\[^\\\s]+)")
"""Of the column beside the group tag, in a row that moved, has the two swapped, or has both in one cell."""
_NO_NAME = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AP]M)?|\d{1,3}(?:[.,]\d{3})*[.,]\d{2}|.*[\u20ac$\u00a3].*"
    r"|\d{1,2}|\d{1,4} ?(?:x|stk|pcs|pieces|units)\.?|(?:DESKTOP|LAPTOP)-[0-9A-Z]{6,8}|WIN-[0-9A-Z]{11}"
    r"|(?:rev(?:ision)?\.? ?)?\d+(?:\.\d+)+|(?:american megatrends|phoenix technologies)\b.*"
    r"|(?:microsoft )?win(?:dows)? ?(?:xp|vista|7|8(?:\.1)?|1[0-2]|server|nt|home|pro|enterprise|education|os)\b.*",
    re.IGNORECASE,
)
"""Times, prices, quantities, names that Windows gives a PC, makers of firmware, operating systems, versions."""
_NO_TEXT = (CellType.BOOLEAN, CellType.STRUCTURE, CellType.ERROR)
"""Types of cells that name nothing."""
NO_TAG = (CellType.DATE, CellType.FRACTION)
"""What a spreadsheet made of a group tag: 1-5 and 1.50 are no more than a date and a number to it."""

_NOTES_OF_CHECKSUM: Mapping[Checksum, tuple[Note, ...]] = {
    Checksum.OK: (),
    Checksum.MISSING: (Note.HASH_WITHOUT_CHECKSUM,),
    Checksum.WRONG: (Note.HASH_CHECKSUM_UNCERTAIN,),
}


class Decision(Struct, frozen=True, gc=False):
    """What becomes of a row as far as it alone decides: a device with its notes, or a reason."""

    device: SendableDevice | None
    reason: RowReason | None
    notes: tuple[Note, ...]
    hardware_hash: VerifiedHash | None = None
    """The contents of the hash that is sent."""


class _Common(Struct, frozen=True):
    """What the cells decide that many rows share: product key, manufacturer, model and group tag."""

    reason: RowReason | None
    has_names: bool
    """Manufacturer and model are there and no placeholders."""
    manufacturer: str
    model: str
    """Both as they are sent."""
    compared_names: tuple[str, ...]
    """Both without case and signs, and the bar code of the model: none is the serial number as well."""
    names_reason: RowReason | None
    """Why manufacturer and model identify nothing."""
    key: str | None
    """A product key id that is sent."""
    key_reason: RowReason | None
    """Why what stands where it should is not sent; `None` where nothing does."""
    notes: tuple[Note, ...]
    key_notes: tuple[Note, ...]
    """Of a row that is sent without what stands where its product key should."""
    spelling_notes: tuple[Note, ...]


_Serial = tuple[str, tuple[Note, ...]] | RowReason
"""The serial number to send and what to say of it, or why none can be."""


class Validation:
    """Judges the rows of one file. What it remembers of them changes no decision."""

    def __init__(self, rules: Rules, now: datetime, *, keys_are_copied: bool = False) -> None:
        """`now` only serves the age of hashes; `keys_are_copied`: no product key of the file identifies a device."""
        self._rules = rules
        self._keys_are_copied = keys_are_copied
        self._old = _old_collections(rules, now)
        self._common = lru_cache(_MOST_REMEMBERED, typed=True)(self._decide_common)

    def decide(self, row: DeviceRow) -> Decision:
        """Decide on one row."""
        if row.problem is not None:
            return Decision(None, row.problem, row.notes)
        common = self._common(row.product_key, row.manufacturer, row.model, row.group_tag)
        reason = common.reason
        if len(row.serial_number) > LONGEST_CELL:
            reason = RowReason.CELL_TOO_LONG
        if row.serial_number in TEMPLATE_SERIALS or row.hardware_hash.startswith(TEMPLATE_HASH):
            reason = RowReason.TEMPLATE_SAMPLE
        if reason is not None:
            return Decision(None, reason, row.notes)
        notes = row.notes + common.notes
        if row.hardware_hash:
            return self._decide_hash(row, common, notes)
        if common.key is not None:
            return Decision(SendableDevice(product_key=common.key), None, notes)
        if row.serial_number and (common.has_names or common.key_reason is None):
            return _decide_names(row, common, notes)
        return Decision(None, common.key_reason or RowReason.NO_IDENTITY, notes)

    def _decide_common(self, product_key: str, manufacturer: str, model: str, group_tag: str) -> _Common:
        reason, notes = self._of_tag(group_tag)
        if product_key in TEMPLATE_PRODUCT_KEYS or is_template_text(product_key):
            reason = RowReason.TEMPLATE_SAMPLE
        elif max(map(len, (product_key, manufacturer, model, group_tag))) > LONGEST_CELL:
            reason = RowReason.CELL_TOO_LONG
        key = str(product_key) if is_product_key(product_key) and not self._keys_are_copied else None
        key_reason = None if key is not None or is_placeholder(product_key) else _key_reason(product_key)
        left_out = Note.COPIED_KEY_LEFT_OUT if key_reason is RowReason.PRODUCT_KEY_COPIED else Note.PRODUCT_KEY_LEFT_OUT
        has_names = not (is_placeholder(manufacturer) or is_placeholder(model))
        alone_reason = None if self._rules.serial_number_is_enough else RowReason.SERIAL_ALONE
        return _Common(
            reason=reason,
            has_names=has_names,
            manufacturer=str(manufacturer),
            model=str(model),
            compared_names=(_compared(manufacturer), _compared(model), _compared(f"1S{model}")),
            names_reason=_names_reason(manufacturer, model) if has_names else alone_reason,
            key=key,
            key_reason=key_reason,
            notes=notes,
            key_notes=() if key_reason is None else (left_out,),
            spelling_notes=(Note.MANUFACTURER_SPELLING,) if spelling_differs(manufacturer) else (),
        )

    def _of_tag(self, group_tag: str) -> tuple[RowReason | None, tuple[Note, ...]]:
        """A group tag decides on the batch where there is no batch folder; elsewhere it is only shown."""
        by_tag = self._rules.batch_by_group_tag
        if type_of(group_tag) is CellType.FORMULA:
            return (RowReason.FORMULA_WITHOUT_VALUE, ()) if by_tag else (None, (Note.TAG_WITHOUT_VALUE,))
        if is_template_text(group_tag) and batch_of_tag(group_tag) is not None:
            return RowReason.TEMPLATE_SAMPLE, ()
        has_stray_quote = group_tag.count('"') % 2 or _STRAY_QUOTE.search(group_tag)
        is_damaged = _LOST_LETTER.search(group_tag) or has_stray_quote or _names_nothing(group_tag)
        is_of_spreadsheet = type_of(group_tag) in NO_TAG or excel_damage.loses_text(group_tag)
        if is_damaged or is_of_spreadsheet or says_as_above(group_tag) or _USER.fullmatch(group_tag):
            return (RowReason.GROUP_TAG_UNREADABLE, ()) if by_tag else (None, (Note.TAG_NOT_CERTAIN,))
        return None, ()

    def _decide_hash(self, row: DeviceRow, common: _Common, notes: tuple[Note, ...]) -> Decision:
        found = verify(row.hardware_hash)
        if isinstance(found, RowReason):
            return Decision(None, _hash_reason(row.hardware_hash, found), notes)
        if found.checksum is Checksum.WRONG and (
            self._rules.reject_bad_checksum_of_unknown_tools or found.tool_build in VERIFIED_TOOL_BUILDS
        ):
            return Decision(None, RowReason.HASH_CHECKSUM_WRONG, notes)
        serial = _serial(row.serial_number, found, self._rules)
        if isinstance(serial, RowReason):
            return Decision(None, serial, notes)
        serial_number, serial_notes = serial
        notes += serial_notes
        if len(serial_number) > LONGEST_CELL:
            return Decision(None, RowReason.CELL_TOO_LONG, notes)
        if common.key is not None and _is_key_of_another(common.key, found):
            return Decision(None, RowReason.PRODUCT_KEY_MISMATCH, notes)
        device = SendableDevice(serial_number or None, common.key, found.canonical)
        notes += common.key_notes
        if found.old_form:
            return Decision(device, None, (*notes, Note.HASH_OF_OLD_FORM), found)
        if found.repaired:
            notes = (*notes, Note.HASH_REPAIRED)
        notes += _NOTES_OF_CHECKSUM[found.checksum]
        notes += _name_notes(row.manufacturer, row.model, found.manufacturer, found.model)
        if found.from_winpe:
            notes = (*notes, Note.HASH_FROM_WINPE)
        if found.collected_seconds in self._old:
            notes = (*notes, Note.HASH_OLD)
        return Decision(device, None, notes, found)


def _key_reason(product_key: str) -> RowReason:
    if excel_damage.is_damaged(product_key) or type_of(product_key) in (CellType.FRACTION, CellType.ERROR):
        return RowReason.PRODUCT_KEY_DAMAGED
    if type_of(product_key) is CellType.FORMULA:
        return RowReason.FORMULA_WITHOUT_VALUE
    return RowReason.PRODUCT_KEY_COPIED if is_product_key(product_key) else RowReason.PRODUCT_KEY_NOT_A_KEY


def _names_nothing(text: str) -> bool:
    """Whether a cell of names holds an error, or a value that is no text, as its file or its form says."""
    return type_of(text) in _NO_TEXT or excel_damage.is_error(text) or is_written_value(text)


def _names_reason(manufacturer: str, model: str) -> RowReason | None:
    """Why manufacturer and model of a row without a hash identify nothing. A number may be a model, but no maker."""
    for name in (manufacturer, model):
        if type_of(name) is CellType.FORMULA:
            return RowReason.FORMULA_WITHOUT_VALUE
        if is_template_text(name):
            return RowReason.TEMPLATE_SAMPLE
        if _LOST_LETTER.search(name) and not excel_damage.is_error(name):
            return RowReason.TEXT_UNREADABLE
        if (
            _names_nothing(name)
            or excel_damage.is_damaged(name)
            or _NO_NAME.fullmatch(name)
            or name[:1] + name[-1:] in ("{}", "[]")
            or meaning(name) is not None
        ):
            return RowReason.SERIAL_ALONE
    # A name with a digit is a model: its manufacturer is missing, and the cells behind have moved.
    is_name = any(map(str.isalpha, manufacturer)) and not any(map(str.isdecimal, manufacturer))
    is_name = (is_name or is_manufacturer(manufacturer)) and manufacturer.casefold() != model.casefold()
    return None if is_name else RowReason.SERIAL_ALONE


def _decide_names(row: DeviceRow, common: _Common, notes: tuple[Note, ...]) -> Decision:
    serial_number = unwrapped(row.serial_number)
    if serial_number != row.serial_number:
        notes = (*notes, Note.SERIAL_UNWRAPPED)
    reason = _serial_reason(serial_number)
    if reason is None and (
        _compared(serial_number) in common.compared_names
        or (common.compared_names[0] == "lenovo" and _MACHINE_TYPE.fullmatch(serial_number))
    ):
        reason = RowReason.SERIAL_NOT_A_SERIAL
    if (reason := reason or common.names_reason) is not None:
        return Decision(None, reason, notes)
    notes += common.key_notes + common.spelling_notes + _notes_of_number(serial_number)
    if not common.has_names:
        return Decision(SendableDevice(str(serial_number)), None, notes)
    if serial_number[:2] in _BAR_CODE_MARKS:
        of_bar_code = _without_bar_code(serial_number, row.model)
        if of_bar_code != serial_number:
            serial_number, notes = of_bar_code, (*notes, Note.SERIAL_PREFIX_REMOVED)
        elif _WHOLE_BAR_CODE.fullmatch(serial_number):
            return Decision(None, RowReason.SERIAL_NOT_A_SERIAL, notes)
    return Decision(SendableDevice(str(serial_number), None, None, common.manufacturer, common.model), None, notes)


def _serial_reason(serial_number: str) -> RowReason | None:
    """Why a serial number with no hash that tells it identifies nothing."""
    if is_usual(serial_number):
        return RowReason.SERIAL_PLACEHOLDER if is_placeholder(serial_number) else None
    if is_template_text(serial_number):
        return RowReason.TEMPLATE_SAMPLE
    if is_placeholder(serial_number) and not excel_damage.is_error(serial_number):
        return RowReason.SERIAL_PLACEHOLDER
    is_other = is_name_or_time(serial_number)
    return problem_of(serial_number) or (RowReason.SERIAL_NOT_A_SERIAL if is_other else None)


def _compared(text: str) -> str:
    """A text without case and signs."""
    return (text if text.isalnum() else _SIGNS.sub("", text)).casefold()


def _without_bar_code(serial_number: str, machine_type: str) -> str:
    """The serial number alone, where a bar code of `1S`, machine type and serial number was scanned."""
    prefix = "1S" + machine_type
    is_bar_code = len(serial_number) > len(prefix) and serial_number.casefold().startswith(prefix.casefold())
    return serial_number[len(prefix) :] if is_bar_code else serial_number


def _hash_reason(cell: str, problem: RowReason) -> RowReason:
    if type_of(cell) is CellType.FORMULA:
        return RowReason.FORMULA_WITHOUT_VALUE
    return RowReason.TEMPLATE_SAMPLE if is_template_text(cell) else problem


def _serial(in_row: str, found: VerifiedHash, rules: Rules) -> _Serial:
    """Which serial number goes with a hash. The hash's spelling is sent where both mean the same."""
    in_hash = found.serial_number
    if in_row == in_hash and in_hash and not _is_none_in_hash(in_hash):
        return in_hash, ()
    of_row = unwrapped(in_row)
    if of_row != in_row and of_row.casefold() == in_hash.casefold():
        return in_hash, (Note.SERIAL_UNWRAPPED,)
    is_none = is_placeholder(of_row) or _is_no_serial(of_row)
    if found.old_form:
        return RowReason.SERIAL_DAMAGED if excel_damage.is_damaged(of_row) else ("" if is_none else of_row, ())
    if _is_none_in_hash(in_hash):
        return _serial_without_hash(of_row, in_hash, is_none=is_none)
    if of_row.casefold() == in_hash.casefold():
        return in_hash, ()
    if is_none:
        return in_hash, (Note.SERIAL_FROM_HASH,)
    if _is_bar_code_of(of_row, in_hash, found.model):
        return in_hash, (Note.SERIAL_PREFIX_REMOVED,)
    if excel_damage.could_show(of_row, in_hash):
        return in_hash, (Note.SERIAL_RESTORED,)
    return (in_hash, (Note.SERIAL_OF_HASH_TRUSTED,)) if rules.trust_hash_serial else RowReason.SERIAL_MISMATCH


def _is_none_in_hash(text: str) -> bool:
    """Whether a hash holds what its maker left in place of a serial number."""
    has_digit = text.isalnum() and not text.isalpha()  # As nearly every serial number.
    return is_placeholder(text) or (not has_digit and names_something_else(text))


def _is_no_serial(text: str) -> bool:
    """Whether a cell beside a hash says nothing about the device: an error, a truth value, a template's text."""
    if excel_damage.is_error(text):
        return True
    reason = problem_of(text)
    if reason is RowReason.SERIAL_NOT_A_SERIAL and type_of(text) is None and has_foreign_sign(text):
        # With a digit, a serial number may be part of it: of another device than that of the hash.
        return not any(map(str.isdecimal, text))
    no_serial = (RowReason.SERIAL_NOT_A_SERIAL, RowReason.TEMPLATE_SAMPLE, RowReason.FORMULA_WITHOUT_VALUE)
    return reason in no_serial


def _serial_without_hash(in_row: str, in_hash: str, *, is_none: bool) -> _Serial:
    """The serial number to send beside a hash that holds none."""
    if is_none and (not in_hash or in_hash.startswith(_NO_SERIAL_OF_TOOL)):
        return in_hash, (Note.SERIAL_PLACEHOLDER_IN_BOTH,)
    if is_none:
        return RowReason.SERIAL_PLACEHOLDER
    notes = (Note.SERIAL_ONLY_IN_FILE, *_notes_of_number(in_row))
    return problem_of(in_row) or (str(in_row), notes)


def _notes_of_number(serial_number: str) -> tuple[Note, ...]:
    return (Note.SERIAL_FROM_NUMBER,) if type_of(serial_number) is CellType.NUMBER else ()


def _is_bar_code_of(in_row: str, in_hash: str, model: str) -> bool:
    """Whether a cell is `1S` + machine type + serial number, as on the labels of some makers."""
    if not in_row.casefold().endswith(in_hash.casefold()):
        return False
    prefix = _BAR_CODE.fullmatch(in_row[: len(in_row) - len(in_hash)])
    return prefix is not None and prefix["machine_type"][:4].casefold() == model[:4].casefold()


def _is_key_of_another(product_key: str, found: VerifiedHash) -> bool:
    """Two different product key ids cannot be of one device; a key that the hash lacks says nothing."""
    return is_product_key(found.product_key_id) and product_key != found.product_key_id


@lru_cache(maxsize=_MOST_REMEMBERED, typed=True)
def _name_notes(manufacturer: str, model: str, in_hash_manufacturer: str, in_hash_model: str) -> tuple[Note, ...]:
    """What is to be said of manufacturer and model in a row and in its hash."""
    notes = (Note.HASH_WITHOUT_MANUFACTURER,) if is_placeholder(in_hash_manufacturer) else ()
    if _differs(manufacturer, in_hash_manufacturer) or _differs(model, in_hash_model):
        return (*notes, Note.MODEL_DIFFERS_FROM_HASH)
    return notes


def _old_collections(rules: Rules, now: datetime) -> range:
    """The collection times that are plausible, but of which the rules want to be told; in seconds."""
    plausible = plausible_collections(now)
    if rules.oldest_hash_days is None:
        return range(0)
    # What was collected in a second that had begun before then is old.
    oldest = -((EPOCH - now + timedelta(days=rules.oldest_hash_days)) // timedelta(seconds=1))
    return range(plausible.start, min(oldest, plausible.stop))


def _differs(in_row: str, in_hash: str) -> bool:
    has_both = bool(in_row and in_hash) and type_of(in_row) is not CellType.FORMULA
    return has_both and in_row.casefold() != in_hash.casefold()
