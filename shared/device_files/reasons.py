"""The public vocabulary: why a row or a whole file is not sent, and what is worth knowing about a row that is.

Each value is stored and shown as it stands here; each has one plain sentence and says what to do. docs/reasons.md lists
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.errors import DeviceDropError
from shared.vocabulary import Remedy


class RowReason(StrEnum):
    """Why a row was not sent."""

    TEMPLATE_SAMPLE = "template_sample"
    NO_IDENTITY = "no_identity"
    SERIAL_ALONE = "serial_alone"
    SERIAL_PLACEHOLDER = "serial_placeholder"
    SERIAL_DAMAGED = "serial_damaged"
    SERIAL_MISMATCH = "serial_mismatch"
    PRODUCT_KEY_DAMAGED = "product_key_damaged"
    PRODUCT_KEY_NOT_A_KEY = "product_key_not_a_key"
    PRODUCT_KEY_MISMATCH = "product_key_mismatch"
    HASH_NOT_A_HASH = "hash_not_a_hash"
    HASH_CUT = "hash_cut"
    HASH_DAMAGED = "hash_damaged"
    HASH_CHECKSUM_WRONG = "hash_checksum_wrong"
    SHIFTED_CELLS = "shifted_cells"
    UNCLEAR_COLUMNS = "unclear_columns"
    CELL_TOO_LONG = "cell_too_long"
    UNREADABLE_MEMBER = "unreadable_member"
    DUPLICATE = "duplicate"
    NO_BATCH = "no_batch"


class Note(StrEnum):
    """What a person may want to know about a row; it changes nothing about its outcome."""

    SERIAL_FROM_HASH = "serial_from_hash"
    SERIAL_RESTORED = "serial_restored"
    SERIAL_ONLY_IN_FILE = "serial_only_in_file"
    SERIAL_PLACEHOLDER_IN_BOTH = "serial_placeholder_in_both"
    SERIAL_OF_HASH_TRUSTED = "serial_of_hash_trusted"
    SERIAL_PREFIX_REMOVED = "serial_prefix_removed"
    SERIAL_FROM_NUMBER = "serial_from_number"
    PRODUCT_KEY_LEFT_OUT = "product_key_left_out"
    PRODUCT_KEY_UNUSUAL = "product_key_unusual"
    HASH_REPAIRED = "hash_repaired"
    HASH_WITHOUT_CHECKSUM = "hash_without_checksum"
    HASH_CHECKSUM_UNCERTAIN = "hash_checksum_uncertain"
    HASH_OF_OLD_FORM = "hash_of_old_form"
    HASH_OLD = "hash_old"
    HASH_FROM_WINPE = "hash_from_winpe"
    HASH_WITHOUT_MANUFACTURER = "hash_without_manufacturer"
    MODEL_DIFFERS_FROM_HASH = "model_differs_from_hash"
    CELLS_REALIGNED = "cells_realigned"
    SHARES_IDENTITY = "shares_identity"
    HIDDEN_SHEETS_SKIPPED = "hidden_sheets_skipped"


class FileReason(StrEnum):
    """Why nothing of a file was sent."""

    EMPTY = "empty_file"
    NO_DEVICE_ROWS = "no_device_rows"
    UNKNOWN_FORMAT = "unknown_format"
    TOO_MANY_ROWS = "too_many_rows"
    LINE_TOO_LONG = "line_too_long"
    TOO_MANY_COLUMNS = "too_many_columns"
    WORKBOOK_UNREADABLE = "workbook_unreadable"
    WORKBOOK_LOCKED = "workbook_locked"
    WORKBOOK_TOO_LARGE = "workbook_too_large"
    XML_UNREADABLE = "xml_unreadable"
    JSON_UNREADABLE = "json_unreadable"
    ARCHIVE_UNREADABLE = "archive_unreadable"
    ARCHIVE_LOCKED = "archive_locked"
    ARCHIVE_TOO_LARGE = "archive_too_large"
    ARCHIVE_NESTED = "archive_nested"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One plain sentence for a person, and what that person can do about it."""

    sentence: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class RowExplanation(Explanation):
    """Why a row was not sent, and what a person does next about it."""

    remedy: Remedy = Remedy.MEND


_ADD_HEADER = (
    "Put a header line above the rows: "
    "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model."
)
_ASK_FOR_HASH = "Collect the hardware hash on the device again (Get-WindowsAutopilotInfo) and drop the new file."

REASONS: Mapping[RowReason, RowExplanation] = MappingProxyType(
    {
        RowReason.TEMPLATE_SAMPLE: RowExplanation(
            "The row is a sample left over from the Partner Center template.",
            "Nothing; delete the sample rows from the file if you want to see it without them.",
            Remedy.NOTHING,
        ),
        RowReason.NO_IDENTITY: RowExplanation(
            "The row has nothing that identifies a device.",
            "Give a hardware hash, or a product key, or serial number with manufacturer and model.",
        ),
        RowReason.SERIAL_ALONE: RowExplanation(
            "The row has a serial number, but not both manufacturer and model, and neither a hash nor a product key.",
            "Add manufacturer and model exactly as the firmware spells them, or the hardware hash.",
        ),
        RowReason.SERIAL_PLACEHOLDER: RowExplanation(
            "The serial number is a text that makers leave in place of one, so it identifies no device.",
            "Add the hardware hash, or the serial number printed on the device.",
        ),
        RowReason.SERIAL_DAMAGED: RowExplanation(
            "A spreadsheet turned the serial number into a number, a date or an error, and nothing tells the original.",
            "Enter the serial number again in a column formatted as text, or add the hardware hash.",
        ),
        RowReason.SERIAL_MISMATCH: RowExplanation(
            "The serial number in the row is not the one inside the hardware hash.",
            "Find out which device the hash is from: two rows may be mixed up. Correct the serial number or the hash. "
            "The service would believe the hash.",
        ),
        RowReason.PRODUCT_KEY_DAMAGED: RowExplanation(
            "A spreadsheet turned the product key into a rounded number or an error.",
            "Enter the 13 digits again in a column formatted as text.",
        ),
        RowReason.PRODUCT_KEY_NOT_A_KEY: RowExplanation(
            "What stands in the product key column is no product key, and nothing else identifies the device.",
            "Give the 13-digit product key id, the hardware hash, or serial number with manufacturer and model.",
        ),
        RowReason.PRODUCT_KEY_MISMATCH: RowExplanation(
            "The product key in the row is not the one inside the hardware hash.",
            "Correct the product key or leave it empty; the hash is enough.",
        ),
        RowReason.HASH_NOT_A_HASH: RowExplanation(
            "What stands in the hash column is no hardware hash: it does not begin as every hash begins.",
            _ASK_FOR_HASH,
        ),
        RowReason.HASH_CUT: RowExplanation(
            "The hardware hash is cut off: part of what its checksum covers is missing.",
            "Copy the whole hash (4,000 characters) from the original file, or collect it on the device again.",
        ),
        RowReason.HASH_DAMAGED: RowExplanation(
            "The hardware hash is damaged: its parts do not fit together.",
            _ASK_FOR_HASH,
        ),
        RowReason.HASH_CHECKSUM_WRONG: RowExplanation(
            "The hardware hash is damaged: its contents do not agree with its own checksum.",
            _ASK_FOR_HASH,
        ),
        RowReason.SHIFTED_CELLS: RowExplanation(
            "The row's cells do not fit the headers, and more than one reading or none makes sense.",
            'Put a cell with a comma inside between quotes ("VMware, Inc."), so that each cell is below its header.',
        ),
        RowReason.UNCLEAR_COLUMNS: RowExplanation(
            "The file has no headers here, and the row does not show which cell is what.",
            _ADD_HEADER,
        ),
        RowReason.CELL_TOO_LONG: RowExplanation(
            "A cell of the row is longer than any serial number, product key, manufacturer, model or group tag.",
            "Shorten the cell to 256 characters at most, or correct the row.",
        ),
        RowReason.UNREADABLE_MEMBER: RowExplanation(
            "This file inside the archive, or this sheet, could not be read; the others were.",
            "Repair this one and drop it again by itself.",
        ),
        RowReason.DUPLICATE: RowExplanation(
            "Another row of the same file, which is named, is the same device and the better record of it.",
            "Nothing; the other row was sent.",
            Remedy.NOTHING,
        ),
        RowReason.NO_BATCH: RowExplanation(
            "The file lies in no batch folder, the row has no group tag, and there is no default batch.",
            "Give the row a group tag, drop the file in a batch folder, or set a default batch.",
        ),
    }
)

NOTES: Mapping[Note, Explanation] = MappingProxyType(
    {
        Note.SERIAL_FROM_HASH: Explanation(
            "The serial number was empty or a placeholder and was taken from the hardware hash.", "Nothing."
        ),
        Note.SERIAL_RESTORED: Explanation(
            "A spreadsheet had changed the serial number; it was restored from the hardware hash.",
            "Nothing; format serial number columns as text next time.",
        ),
        Note.SERIAL_ONLY_IN_FILE: Explanation(
            "The hardware hash holds no real serial number, so the one in the row could not be checked.",
            "Nothing; the service may show the placeholder in place of the serial number.",
        ),
        Note.SERIAL_PLACEHOLDER_IN_BOTH: Explanation(
            "Neither the row nor the hardware hash holds a real serial number.",
            "Have the serial number written to the firmware if the service refuses the device.",
        ),
        Note.SERIAL_OF_HASH_TRUSTED: Explanation(
            "The serial number in the row is not the one in the hardware hash; as set, the hash was believed.",
            "Check that the hash belongs to the device you mean.",
        ),
        Note.SERIAL_PREFIX_REMOVED: Explanation(
            "The cell held a bar code of 1S, machine type and serial number; the serial number was taken out of it.",
            "Nothing.",
        ),
        Note.SERIAL_FROM_NUMBER: Explanation(
            "The serial number is a number in the workbook, so zeros at its beginning may be lost.",
            "Compare it with the label of the device; format serial number columns as text next time.",
        ),
        Note.PRODUCT_KEY_LEFT_OUT: Explanation(
            "The product key is not 13 digits and was left out; the row's other fields identify the device.",
            "Nothing.",
        ),
        Note.PRODUCT_KEY_UNUSUAL: Explanation(
            "The product key is not 13 digits; it was sent as it stands.",
            "If the service does not find the device, give the 13-digit product key id or the hardware hash.",
        ),
        Note.HASH_REPAIRED: Explanation(
            "Harmless damage of the hardware hash (blanks, line breaks, quotes, padding, its empty end) was undone.",
            "Nothing.",
        ),
        Note.HASH_WITHOUT_CHECKSUM: Explanation(
            "The hardware hash is complete but for its checksum, so it could not be verified.",
            "If the service refuses the device, collect the hash again.",
        ),
        Note.HASH_CHECKSUM_UNCERTAIN: Explanation(
            "The hardware hash does not agree with its checksum; it is from a tool whose hashes are not well known, so "
            "it was sent.",
            "If the service refuses the device, collect the hash again.",
        ),
        Note.HASH_OF_OLD_FORM: Explanation(
            "The hardware hash is of the old form of 128 bytes (Windows 10 1703 and older); it holds nothing to check.",
            "Nothing; collect a new hash when the device is next at hand.",
        ),
        Note.HASH_OLD: Explanation(
            "The hardware hash was collected longer ago than the age that is set.",
            "If the device was repaired since, collect the hash again.",
        ),
        Note.HASH_FROM_WINPE: Explanation(
            "The hardware hash was collected in Windows PE, where parts of the device may have been invisible.",
            "If the service refuses the device, collect the hash in the full system.",
        ),
        Note.HASH_WITHOUT_MANUFACTURER: Explanation(
            "The hardware hash names no manufacturer.",
            "If the service refuses the device, have the manufacturer written to the firmware.",
        ),
        Note.MODEL_DIFFERS_FROM_HASH: Explanation(
            "Manufacturer or model in the row are not those inside the hardware hash; the hash is what counts.",
            "Check that the row was not mixed up with another.",
        ),
        Note.CELLS_REALIGNED: Explanation(
            "The row's cells did not fit the headers and were put right; only one reading made sense.",
            "Check manufacturer and model; put cells with a comma inside between quotes next time.",
        ),
        Note.SHARES_IDENTITY: Explanation(
            "An earlier row has the hardware UUID, the TPM or the serial number of this one, but only one of them: "
            "both count as devices.",
            "Nothing, if both are real; machines cloned from one image are often alike.",
        ),
        Note.HIDDEN_SHEETS_SKIPPED: Explanation(
            "The workbook has hidden sheets, which were not read.",
            "Show the sheets and drop the workbook again if they hold devices.",
        ),
    }
)

FILE_REASONS: Mapping[FileReason, Explanation] = MappingProxyType(
    {
        FileReason.EMPTY: Explanation("The file is empty.", "Drop the file again with its contents."),
        FileReason.NO_DEVICE_ROWS: Explanation(
            "No row of the file could be recognised as a device.",
            _ADD_HEADER,
        ),
        FileReason.UNKNOWN_FORMAT: Explanation(
            "The file is of a kind that is not read.",
            "Drop the devices as CSV, XLSX, XLS, JSON, OA3.xml, or one of these in a .zip or .gz.",
        ),
        FileReason.TOO_MANY_ROWS: Explanation(
            "The file has more rows than one file may have.", "Split the file and drop its parts."
        ),
        FileReason.LINE_TOO_LONG: Explanation(
            "A line or cell of the file is longer than any device row.",
            "Check that the lines of the file end as they should and that no quote is missing.",
        ),
        FileReason.TOO_MANY_COLUMNS: Explanation(
            "A line of the file has more cells than a spreadsheet has columns.", "Remove what is beside the devices."
        ),
        FileReason.WORKBOOK_UNREADABLE: Explanation(
            "The workbook is damaged.", "Open it, save it as CSV UTF-8 or as a new XLSX, and drop that."
        ),
        FileReason.WORKBOOK_LOCKED: Explanation(
            "The workbook is protected by a password.", "Save it without a password and drop it again."
        ),
        FileReason.WORKBOOK_TOO_LARGE: Explanation(
            "The workbook is larger than is read, or needs too much memory or time.",
            "Save it as CSV UTF-8 and drop that.",
        ),
        FileReason.XML_UNREADABLE: Explanation(
            "The XML is damaged or is no OA3 report.", "Write the report again with oa3tool /Report and drop that."
        ),
        FileReason.JSON_UNREADABLE: Explanation(
            "The JSON is damaged or holds no list of devices.",
            "Drop an array of objects, or one object a line, with serialNumber, productKey, hardwareHash, "
            "oemManufacturerName, modelName.",
        ),
        FileReason.ARCHIVE_UNREADABLE: Explanation(
            "The archive is damaged or packed in a way that is not read.", "Pack it again as an ordinary .zip or .gz."
        ),
        FileReason.ARCHIVE_LOCKED: Explanation(
            "The archive is protected by a password.", "Pack it again without a password."
        ),
        FileReason.ARCHIVE_TOO_LARGE: Explanation(
            "The archive holds more than is unpacked.", "Drop the files it holds one by one."
        ),
        FileReason.ARCHIVE_NESTED: Explanation(
            "The archive holds another archive.", "Unpack the inner archive and drop its files."
        ),
    }
)


class UnreadableDeviceFile(DeviceDropError):
    """Nothing of a device file can be sent. The message names the file, what is wrong and what to do."""

    def __init__(self, reason: FileReason, detail: str = "", *, file: str = "") -> None:
        """`detail` is a sentence on this very file: where it breaks, which limit it passes, what it is instead."""
        super().__init__(reason, detail, file)
        self.reason = reason
        self.detail = detail
        self.file = file

    @property
    def what_to_do(self) -> str:
        """The cure, as one or two plain sentences."""
        return FILE_REASONS[self.reason].what_to_do

    def __str__(self) -> str:
        sentence = FILE_REASONS[self.reason].sentence
        parts = (f"{self.file}:" if self.file else "", sentence, self.detail, self.what_to_do)
        return " ".join(part for part in parts if part)
