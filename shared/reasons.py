"""Every public word about a device file or one of its rows, with its sentence and remedy.

Each value is stored and shown exactly as here. docs/reasons.md lists the words of reading a file and docs/outcomes.md
all later words, word for word. `shared.partner_center.outcome_codes` explains the service's own codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from shared.errors import DeviceDropError
from shared.vocabulary import Remedy, WithdrawalResult


class RowReason(StrEnum):
    """Why a row was not sent."""

    TEMPLATE_SAMPLE = "template_sample"
    NO_IDENTITY = "no_identity"
    SERIAL_ALONE = "serial_alone"
    SERIAL_PLACEHOLDER = "serial_placeholder"
    SERIAL_DAMAGED = "serial_damaged"
    SERIAL_MISMATCH = "serial_mismatch"
    SERIAL_NOT_A_SERIAL = "serial_not_a_serial"
    FORMULA_WITHOUT_VALUE = "formula_without_value"
    TEXT_UNREADABLE = "text_unreadable"
    PRODUCT_KEY_DAMAGED = "product_key_damaged"
    PRODUCT_KEY_NOT_A_KEY = "product_key_not_a_key"
    PRODUCT_KEY_MISMATCH = "product_key_mismatch"
    PRODUCT_KEY_COPIED = "product_key_copied"
    HASH_NOT_A_HASH = "hash_not_a_hash"
    HASH_CUT = "hash_cut"
    HASH_DAMAGED = "hash_damaged"
    HASH_CHECKSUM_WRONG = "hash_checksum_wrong"
    SHIFTED_CELLS = "shifted_cells"
    UNCLEAR_COLUMNS = "unclear_columns"
    CELL_TOO_LONG = "cell_too_long"
    UNREADABLE_MEMBER = "unreadable_member"
    PART_NOT_UNDERSTOOD = "part_not_understood"
    DUPLICATE = "duplicate"
    NO_BATCH = "no_batch"
    GROUP_TAG_UNREADABLE = "group_tag_unreadable"


class Note(StrEnum):
    """A remark on a row, which does not change its outcome."""

    SERIAL_FROM_HASH = "serial_from_hash"
    SERIAL_RESTORED = "serial_restored"
    SERIAL_ONLY_IN_FILE = "serial_only_in_file"
    SERIAL_PLACEHOLDER_IN_BOTH = "serial_placeholder_in_both"
    SERIAL_OF_HASH_TRUSTED = "serial_of_hash_trusted"
    SERIAL_PREFIX_REMOVED = "serial_prefix_removed"
    SERIAL_FROM_NUMBER = "serial_from_number"
    SERIAL_UNWRAPPED = "serial_unwrapped"
    PRODUCT_KEY_LEFT_OUT = "product_key_left_out"
    COPIED_KEY_LEFT_OUT = "copied_key_left_out"
    HASH_REPAIRED = "hash_repaired"
    HASH_WITHOUT_CHECKSUM = "hash_without_checksum"
    HASH_CHECKSUM_UNCERTAIN = "hash_checksum_uncertain"
    HASH_OF_OLD_FORM = "hash_of_old_form"
    HASH_OLD = "hash_old"
    HASH_FROM_WINPE = "hash_from_winpe"
    HASH_WITHOUT_MANUFACTURER = "hash_without_manufacturer"
    MODEL_DIFFERS_FROM_HASH = "model_differs_from_hash"
    CELLS_REALIGNED = "cells_realigned"
    MANUFACTURER_SPELLING = "manufacturer_spelling"
    TAG_NOT_CERTAIN = "tag_not_certain"
    TAG_WITHOUT_VALUE = "tag_without_value"
    TAG_REPEATS_SERIAL = "tag_repeats_serial"
    SHARES_IDENTITY = "shares_identity"


class FileReason(StrEnum):
    """Why no row of a file was sent."""

    EMPTY = "empty_file"
    NO_DEVICE_ROWS = "no_device_rows"
    UNKNOWN_FORMAT = "unknown_format"
    TOO_MANY_ROWS = "too_many_rows"
    LINE_TOO_LONG = "line_too_long"
    ENCODING_UNKNOWN = "encoding_unknown"
    COLUMNS_TWICE = "columns_twice"
    NOT_DEVICES = "not_devices"
    DEVICE_IDENTIFIERS_REFUSED = "device_identifiers_refused"
    TOO_MANY_COLUMNS = "too_many_columns"
    WORKBOOK_UNREADABLE = "workbook_unreadable"
    WORKBOOK_LOCKED = "workbook_locked"
    WORKBOOK_TOO_LARGE = "workbook_too_large"
    XML_UNREADABLE = "xml_unreadable"
    JSON_UNREADABLE = "json_unreadable"
    JSON_TOO_LARGE = "json_too_large"
    XML_TOO_LARGE = "xml_too_large"
    ARCHIVE_UNREADABLE = "archive_unreadable"
    ARCHIVE_LOCKED = "archive_locked"
    ARCHIVE_TOO_LARGE = "archive_too_large"
    ARCHIVE_NESTED = "archive_nested"


class PassedOverKind(StrEnum):
    """The kind of a part of a file that is neither row nor header nor blank."""

    COMMENT = "comment"
    PROSE = "prose"
    """Text in a single cell."""
    UNCLEAR_TEXT = "unclear_text"
    """Text above the headers that might include a device."""
    TEMPLATE_LINE = "template_line"
    """Placeholders from documentation below the headers, such as `<serial number>`."""
    TOOL_OUTPUT = "tool_output"
    """A tool's output around its rows: dashes below names, `(2 rows affected)`, a prompt, a transcript's frame."""
    UNKNOWN_HEADER = "unknown_header"
    """A line of column names, all unknown."""
    HIDDEN_SHEET = "hidden_sheet"
    ARCHIVE_MEMBER = "archive_member"
    """A member of an archive whose file type holds no devices."""
    BESIDE_THE_LIST = "beside_the_list"
    """Values of a JSON or XML document outside its list of devices."""


class FileNote(StrEnum):
    """A remark on a file as a whole."""

    MAY_HOLD_DEVICES = "may_hold_devices"
    """A part that was passed over looks like a device."""
    COLUMNS_IGNORED = "columns_ignored"
    COLUMN_PREFERRED = "column_preferred"
    HEADER_NOT_UNDERSTOOD = "header_not_understood"
    HIDDEN_SHEETS_SKIPPED = "hidden_sheets_skipped"
    HIDDEN_ROWS_READ = "hidden_rows_read"
    FORMULAS_WITHOUT_VALUE = "formulas_without_value"
    OLD_WORKBOOK = "old_workbook"
    """XLS, of which the library that reads it gives neither number formats nor errors nor hidden rows."""
    READ_AS_WINDOWS_1252 = "read_as_windows_1252"
    ENCODING_CHANGES = "encoding_changes"
    PRODUCT_KEYS_COPIED = "product_keys_copied"
    DEVICE_IDENTIFIERS = "device_identifiers"
    """Every row is a corporate device identifier, the format of Windows Autopilot device preparation."""


class PathFault(StrEnum):
    """Why a path under the drop container does not name a customer and batch."""

    NO_CUSTOMER = "no_customer"
    UNKNOWN_CUSTOMER = "unknown_customer"
    REMOVED_CUSTOMER = "removed_customer"
    PATH_TOO_DEEP = "path_too_deep"
    MOVE_WITHOUT_BATCH = "move_without_batch"


class IntakeReason(StrEnum):
    """Why no row of a file was sent although it is in a customer's folder and its contents may be valid."""

    NO_RELATIONSHIP = "no_relationship"
    TOO_MANY_BATCHES = "too_many_batches"
    GONE = "gone"
    READING_FAILED = "reading_failed"


class UnknownReason(StrEnum):
    """Why the result of a row is unknown. Serves as its error code."""

    NO_VERDICT = "no_verdict"
    CONTENT_LOST = "content_lost"
    OUTCOME_MISSING = "outcome_missing"
    OUTCOME_UNREADABLE = "outcome_unreadable"


class CancelledReason(StrEnum):
    """Why a row was cancelled. Serves as its error code."""

    STOPPED = "stopped"


class RemovalReason(StrEnum):
    """Why the device of a row was not removed, if the service gave no reason. Serves as its error code."""

    NOT_THERE = "not_there"
    NOT_IN_BATCH = "not_in_batch"
    LISTED_BUT_GONE = "listed_but_gone"
    DELETION_NOT_ALLOWED = "deletion_not_allowed"
    SEVERAL_DEVICES = "several_devices"
    ANOTHER_DEVICE = "another_device"
    NOTHING_TO_FIND_IT_BY = "nothing_to_find_it_by"
    WITHOUT_ID = "without_id"
    SEARCH_INCOMPLETE = "search_incomplete"
    REMOVAL_STOPPED = "removal_stopped"
    ALREADY_THERE = "already_there"
    SEVERAL_TO_MOVE = "several_to_move"


class SentNote(StrEnum):
    """A remark on a row that was sent."""

    FIRST_ANSWER_LOST = "first_answer_lost"
    READ_BACK = "read_back"
    UNDER_ANOTHER_BATCH = "under_another_batch"
    BATCH_NOT_KNOWN = "batch_not_known"
    DELETION_ANSWER_LOST = "deletion_answer_lost"
    MOVED = "moved"
    REGISTERED_NOWHERE = "registered_nowhere"


class WithdrawalReason(StrEnum):
    """Why a device was not withdrawn, if the service gave no reason. Serves as its error code."""

    DEVICE_NOT_IDENTIFIED = "device_not_identified"


class ProfileReason(StrEnum):
    """Why the profile of a row was not assigned, if the service gave no reason of its own."""

    PROFILE_UNKNOWN = "profile_unknown"
    PROFILE_AMBIGUOUS = "profile_ambiguous"
    DEVICE_NOT_IDENTIFIED = "profile_device_not_identified"
    NO_ADMIN_AGENT = "no_admin_agent"
    NO_VERDICT = "profile_no_verdict"
    STOPPED = "profile_stopped"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One plain sentence for a person, and the remedy."""

    sentence: str
    what_to_do: str

    @property
    def text(self) -> str:
        """The sentence, followed by the remedy."""
        return f"{self.sentence} {self.what_to_do}"


@dataclass(frozen=True, slots=True)
class RowExplanation(Explanation):
    """Why a row was not sent, with its remedy."""

    remedy: Remedy = Remedy.FIX


_ADD_HEADER = (
    "Put a line with column names above the rows. The names of the Partner Center template are: Device Serial Number / "
    "Windows Product ID / Hardware Hash / Manufacturer name / Device model."
)
_ASK_FOR_HASH = "Collect the hardware hash on the device again (Get-WindowsAutopilotInfo) and drop the new file."
_GIVE_ANY_IDENTITY = (
    "Give the hardware hash or the 13-digit product key id. Serial number with manufacturer and model will do as well."
)
_CALCULATE = "Open the workbook in a spreadsheet program and save it. Then drop it again."
_IF_REFUSED_COLLECT = "Collect the hash again if the service refuses the device."
_RIGHT_FOLDER = "Drop it into device-files/{customer id}/{batch}/"
_LOOK_IT_UP = "Look the device up in Partner Center and drop its row again if it is not there."

# No sentence here has a comma, a semicolon or a double quote: the sentences go into CSVs that pass through tools which
# remove quotes, and a sentence split there would shift the cells after it when the rows are dropped again.

REASONS: Mapping[RowReason, RowExplanation] = MappingProxyType(
    {
        RowReason.TEMPLATE_SAMPLE: RowExplanation(
            "The row is a sample left over from the Partner Center template.",
            "Nothing. Delete the sample rows from the file if you want to see it without them.",
            Remedy.NOTHING,
        ),
        RowReason.NO_IDENTITY: RowExplanation("The row has nothing that identifies a device.", _GIVE_ANY_IDENTITY),
        RowReason.SERIAL_ALONE: RowExplanation(
            "The row has a serial number but neither a hash nor a product key nor both manufacturer and model. Dates "
            "and prices and names of PCs or of Windows do not count as these nor does a model in place of the "
            "manufacturer.",
            "Add manufacturer and model exactly as the firmware spells them. Or add the hardware hash.",
        ),
        RowReason.SERIAL_PLACEHOLDER: RowExplanation(
            "The serial number in the row or in its hash is missing or a text that makers leave in place of one.",
            "Enter the serial number printed on the device. Or add the hardware hash if the row has none.",
        ),
        RowReason.SERIAL_DAMAGED: RowExplanation(
            "A spreadsheet turned the serial number into a number or a date or an error. Nothing tells the original.",
            "Enter the serial number again in a column formatted as text. Or add the hardware hash.",
        ),
        RowReason.SERIAL_MISMATCH: RowExplanation(
            "The serial number in the row is not the one inside the hardware hash.",
            "Find out which device the hash is from: two rows may be mixed up. Correct the serial number or the hash. "
            "The service would believe the hash.",
        ),
        RowReason.SERIAL_NOT_A_SERIAL: RowExplanation(
            "This is no serial number but something else (such as a date or a word or a price or several serial "
            "numbers) or it has a sign beyond letters and digits and single blanks and - . _ / between "
            "them.",
            "Enter the serial number printed on the device with the plain signs of a keyboard. Give each device a row "
            "of its own.",
        ),
        RowReason.FORMULA_WITHOUT_VALUE: RowExplanation(
            "A cell that identifies the device is a formula that was never calculated: it has no value.", _CALCULATE
        ),
        RowReason.TEXT_UNREADABLE: RowExplanation(
            "Letters of the row cannot be read for certain: the file mixes encodings or is in a foreign code page.",
            "Save the file as CSV UTF-8 and drop it again.",
        ),
        RowReason.PRODUCT_KEY_DAMAGED: RowExplanation(
            "A spreadsheet turned the product key into a rounded number or an error.",
            "Enter the 13 digits again in a column formatted as text.",
        ),
        RowReason.PRODUCT_KEY_NOT_A_KEY: RowExplanation(
            "The product key column does not contain a product key id (13 digits). Nothing else identifies the device.",
            _GIVE_ANY_IDENTITY,
        ),
        RowReason.PRODUCT_KEY_MISMATCH: RowExplanation(
            "The product key in the row is not the one inside the hardware hash.",
            "Correct the product key or leave it empty. The hash is enough.",
        ),
        RowReason.PRODUCT_KEY_COPIED: RowExplanation(
            "The same product key stands beside different serial numbers in this file. It identifies no device.",
            "Give each device its own product key or its hardware hash. Serial number with manufacturer and model will "
            "do as well.",
        ),
        RowReason.HASH_NOT_A_HASH: RowExplanation(
            "The hardware hash column does not contain a hardware hash (one starts with T0).", _ASK_FOR_HASH
        ),
        RowReason.HASH_CUT: RowExplanation(
            "The hardware hash is cut off: part of what its checksum covers is missing.",
            "Copy the whole hash (4000 characters) from the original file. Or collect it on the device again.",
        ),
        RowReason.HASH_DAMAGED: RowExplanation(
            "The hardware hash is damaged: its parts do not fit together.", _ASK_FOR_HASH
        ),
        RowReason.HASH_CHECKSUM_WRONG: RowExplanation(
            "The hardware hash is damaged: its contents do not agree with its own checksum.", _ASK_FOR_HASH
        ),
        RowReason.SHIFTED_CELLS: RowExplanation(
            "The cells do not line up with the headers and the right order is unclear.",
            "Put a cell that holds a comma or another delimiter between double quotes.",
        ),
        RowReason.UNCLEAR_COLUMNS: RowExplanation(
            "The file has no headers here and the row does not show which cell is what.", _ADD_HEADER
        ),
        RowReason.CELL_TOO_LONG: RowExplanation(
            "A cell of the row is longer than any serial number or product key or manufacturer or model or group tag.",
            "Shorten the cell to 256 characters at most or correct the row.",
        ),
        RowReason.UNREADABLE_MEMBER: RowExplanation(
            "This file inside the archive or this sheet could not be read. The others were.",
            "Repair this one and drop it again by itself.",
        ),
        RowReason.PART_NOT_UNDERSTOOD: RowExplanation(
            "The columns of this sheet or part of the file are not known. None of its lines was read.", _ADD_HEADER
        ),
        RowReason.DUPLICATE: RowExplanation(
            "Another row of the same file is the same device and the better record of it.",
            "Nothing. The other row was sent.",
            Remedy.NOTHING,
        ),
        RowReason.NO_BATCH: RowExplanation(
            "The file lies in no batch folder. The row has no group tag and there is no default batch.",
            "Give the row a group tag. Or drop the file in a batch folder or set a default batch.",
        ),
        RowReason.GROUP_TAG_UNREADABLE: RowExplanation(
            "The group tag cannot be read for certain or is a user or a date or number that a spreadsheet made of it. "
            "It decides on the batch.",
            "Save the file as CSV UTF-8 and put a tag that holds a comma between double quotes. Or drop the file in a"
            " batch folder.",
        ),
    }
)

NOTES: Mapping[Note, Explanation] = MappingProxyType(
    {
        Note.SERIAL_FROM_HASH: Explanation(
            "The serial number was empty or a placeholder and was taken from the hardware hash.", "Nothing."
        ),
        Note.SERIAL_RESTORED: Explanation(
            "A spreadsheet had changed the serial number. It was restored from the hardware hash.",
            "Nothing. Format serial number columns as text next time.",
        ),
        Note.SERIAL_ONLY_IN_FILE: Explanation(
            "The hardware hash holds no real serial number. The one in the row could not be checked.",
            "Nothing. The service may show the placeholder in place of the serial number.",
        ),
        Note.SERIAL_PLACEHOLDER_IN_BOTH: Explanation(
            "Neither the row nor the hardware hash holds a real serial number.",
            "Have the serial number written to the firmware if the service refuses the device.",
        ),
        Note.SERIAL_OF_HASH_TRUSTED: Explanation(
            "The serial number in the row is not the one in the hardware hash. The hash was believed as it is set.",
            "Check that the hash belongs to the device you mean.",
        ),
        Note.SERIAL_PREFIX_REMOVED: Explanation(
            "The cell held a bar code of 1S with machine type and serial number. The serial number was taken out of "
            "it.",
            "Nothing.",
        ),
        Note.SERIAL_FROM_NUMBER: Explanation(
            "The serial number is a number in the workbook. Zeros at its beginning may be lost.",
            "Compare it with the label of the device. Format serial number columns as text next time.",
        ),
        Note.SERIAL_UNWRAPPED: Explanation(
            "The serial number stood inside other text (such as `@{SerialNumber=...}`) and was taken out of it.",
            "Nothing. Use `Select-Object -ExpandProperty` in PowerShell next time.",
        ),
        Note.PRODUCT_KEY_LEFT_OUT: Explanation(
            "The product key is no 13-digit key id and was left out. The row's other fields identify the device.",
            "Nothing.",
        ),
        Note.COPIED_KEY_LEFT_OUT: Explanation(
            "The same product key stands beside different serial numbers in this file. It was left out.",
            "Nothing. Clear the column of product keys if it was filled down by mistake.",
        ),
        Note.HASH_REPAIRED: Explanation(
            "Harmless damage of the hardware hash was undone (such as blanks or line breaks or quotes or a lost empty "
            "end).",
            "Nothing.",
        ),
        Note.HASH_WITHOUT_CHECKSUM: Explanation(
            "The hardware hash is complete but for its checksum. It could not be verified.", _IF_REFUSED_COLLECT
        ),
        Note.HASH_CHECKSUM_UNCERTAIN: Explanation(
            "The hardware hash does not agree with its checksum. It was sent because it is from a tool whose hashes "
            "are not well known.",
            _IF_REFUSED_COLLECT,
        ),
        Note.HASH_OF_OLD_FORM: Explanation(
            "The hardware hash is of the old form of 128 bytes (Windows 10 1703 and older). It holds nothing to check.",
            "Nothing. Collect a new hash when the device is next at hand.",
        ),
        Note.HASH_OLD: Explanation(
            "The hardware hash was collected longer ago than the age that is set.",
            "Collect the hash again if the device was repaired since.",
        ),
        Note.HASH_FROM_WINPE: Explanation(
            "The hardware hash was collected in Windows PE. Parts of the device may have been invisible there.",
            "Collect the hash in the full system if the service refuses the device.",
        ),
        Note.HASH_WITHOUT_MANUFACTURER: Explanation(
            "The hardware hash names no manufacturer.",
            "Have the manufacturer written to the firmware if the service refuses the device.",
        ),
        Note.MODEL_DIFFERS_FROM_HASH: Explanation(
            "Manufacturer or model in the row are not those inside the hardware hash. The hash is what counts.",
            "Check that the row was not mixed up with another.",
        ),
        Note.CELLS_REALIGNED: Explanation(
            "The cells did not line up with the headers and were put right. Only one order made sense.",
            "Check manufacturer and model. Put cells that hold a comma between double quotes next time.",
        ),
        Note.SHARES_IDENTITY: Explanation(
            "An earlier row has one alone of these in common with this one: hardware UUID or TPM or serial number. "
            "Both count as devices.",
            "Nothing if both are real. Machines cloned from one image are often alike. One serial number beside "
            "several models is a column that was copied or swapped.",
        ),
        Note.MANUFACTURER_SPELLING: Explanation(
            "The firmware of this maker's devices spells the manufacturer differently.",
            "Give the manufacturer as `Get-CimInstance Win32_ComputerSystem` shows it on the device if the service "
            "does not find the device.",
        ),
        Note.TAG_NOT_CERTAIN: Explanation(
            "The group tag may be wrong: letters of it cannot be read or stray quotes stand around it or it is a user "
            "or a date or number that a spreadsheet made of it.",
            "If the tag matters save the file as CSV UTF-8 with a tag that holds a comma between double quotes. In a "
            "workbook format its column as text.",
        ),
        Note.TAG_WITHOUT_VALUE: Explanation(
            "The group tag is a formula that was never calculated: it has no value.", _CALCULATE
        ),
        Note.TAG_REPEATS_SERIAL: Explanation(
            "The group tag is the serial number again (such as a service tag) and was left out.",
            "Nothing. Or name the batch in a column Group Tag.",
        ),
    }
)

FILE_REASONS: Mapping[FileReason, Explanation] = MappingProxyType(
    {
        FileReason.EMPTY: Explanation("The file is empty.", "Drop the file again with its contents."),
        FileReason.NO_DEVICE_ROWS: Explanation("No row of the file could be recognised as a device.", _ADD_HEADER),
        FileReason.UNKNOWN_FORMAT: Explanation(
            "The file is of a kind that is not read.",
            "Drop the devices as CSV or XLSX or XLS or JSON or OA3.xml. One of these in a .zip or .gz will do as well.",
        ),
        FileReason.TOO_MANY_ROWS: Explanation(
            "The file has more rows than one file may have.", "Split the file and drop its parts."
        ),
        FileReason.LINE_TOO_LONG: Explanation(
            "A line or cell of the file is longer than any device row.",
            "Check that the lines of the file end as they should and that no quote is missing.",
        ),
        FileReason.ENCODING_UNKNOWN: Explanation(
            "The encoding of the file cannot be told or changes within it.",
            "Open the file where it was made and save all of it as CSV UTF-8. Then drop that.",
        ),
        FileReason.COLUMNS_TWICE: Explanation(
            "Two columns of the file claim to be the same thing.",
            "Delete one of them or give it another name. Put a second table below the first. Then drop the file again.",
        ),
        FileReason.NOT_DEVICES: Explanation(
            "The file is no list of devices.",
            "Write one with `Get-WindowsAutopilotInfo -OutputFile devices.csv` or export the list as CSV.",
        ),
        FileReason.DEVICE_IDENTIFIERS_REFUSED: Explanation(
            "The file holds corporate device identifiers as Windows Autopilot device preparation takes them. "
            "Registering these devices would take them out of it and this customer's settings refuse that.",
            "Upload the file in Intune under corporate device identifiers or drop a file with hardware hashes.",
        ),
        FileReason.TOO_MANY_COLUMNS: Explanation(
            "A line of the file has more cells than a spreadsheet has columns.", "Remove everything beside the devices."
        ),
        FileReason.WORKBOOK_UNREADABLE: Explanation(
            "The workbook is damaged.", "Open it and save it as CSV UTF-8 or as a new XLSX. Then drop that."
        ),
        FileReason.WORKBOOK_LOCKED: Explanation(
            "The workbook is protected by a password.", "Save it without a password and drop it again."
        ),
        FileReason.WORKBOOK_TOO_LARGE: Explanation(
            "The workbook is larger than is read or needs too much memory or time.",
            "Save it as CSV UTF-8 and drop that.",
        ),
        FileReason.XML_UNREADABLE: Explanation(
            "The XML is damaged or is no OA3 report.", "Write the report again with oa3tool /Report and drop that."
        ),
        FileReason.JSON_UNREADABLE: Explanation(
            "The JSON is damaged or holds no list of devices.",
            "Drop an array of objects or one object a line. Their names are serialNumber / productKey / hardwareHash / "
            "oemManufacturerName / modelName.",
        ),
        FileReason.JSON_TOO_LARGE: Explanation(
            "The JSON is larger than is read in one piece.", "Save it as JSON lines (one object a line) or as CSV."
        ),
        FileReason.XML_TOO_LARGE: Explanation(
            "The XML is larger than is read in one piece.", "Drop the reports one by one or save the list as CSV."
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


FILE_NOTES: Mapping[FileNote, Explanation] = MappingProxyType(
    {
        FileNote.MAY_HOLD_DEVICES: Explanation(
            "Something that looks like a device was passed over and not sent.",
            "Look at the places named. If devices stand there put them into rows below the headers and drop the file "
            "again.",
        ),
        FileNote.COLUMNS_IGNORED: Explanation(
            "These columns are not used for registering.",
            "Nothing. Give a column its name of the template (such as Device model) if it was meant as such.",
        ),
        FileNote.COLUMN_PREFERRED: Explanation(
            "Two columns could mean the same. The one with the clearer name was used.",
            "Check that it is the right one or delete the other.",
        ),
        FileNote.HEADER_NOT_UNDERSTOOD: Explanation(
            "A line of column names was not understood. The rows below it were read by what they hold.", _ADD_HEADER
        ),
        FileNote.HIDDEN_SHEETS_SKIPPED: Explanation(
            "The workbook has hidden sheets. They were not read.",
            "Show the sheets and drop the workbook again if they hold devices.",
        ),
        FileNote.HIDDEN_ROWS_READ: Explanation(
            "Rows that are hidden or filtered out in the workbook were read like any other.",
            "Delete rows that you do not want to send. Hiding them is not enough.",
        ),
        FileNote.FORMULAS_WITHOUT_VALUE: Explanation(
            "The workbook has formulas that were never calculated. Their cells have no value.", _CALCULATE
        ),
        FileNote.OLD_WORKBOOK: Explanation(
            "The workbook is of the old form (XLS). Its number formats and errors and hidden rows cannot be seen.",
            "Save it as XLSX and drop that if a serial number begins with zeros or the workbook has hidden rows.",
        ),
        FileNote.READ_AS_WINDOWS_1252: Explanation(
            "The file is not in UTF-8 and was read as Windows-1252 (Western Europe).",
            "Check letters with accents. Save the file as CSV UTF-8 next time.",
        ),
        FileNote.ENCODING_CHANGES: Explanation(
            "The encoding changes within the file. Each part was read in its own.",
            "Nothing. Write the whole file in one encoding next time (`-Encoding utf8`).",
        ),
        FileNote.PRODUCT_KEYS_COPIED: Explanation(
            "The same product key stands beside different serial numbers. No product key of this file was used.",
            "Check the column of product keys: it was probably filled down.",
        ),
        FileNote.DEVICE_IDENTIFIERS: Explanation(
            "The file holds corporate device identifiers (manufacturer and model and serial number) as Windows "
            "Autopilot device preparation takes them. Registering these devices takes them out of device preparation.",
            "If that is not meant withdraw the file and upload it in Intune under corporate device identifiers.",
        ),
    }
)

PASSED_OVER: Mapping[PassedOverKind, str] = MappingProxyType(
    {
        PassedOverKind.COMMENT: "comments",
        PassedOverKind.PROSE: "lines of text",
        PassedOverKind.UNCLEAR_TEXT: "lines of text that may name a device",
        PassedOverKind.TEMPLATE_LINE: "lines of a template",
        PassedOverKind.TOOL_OUTPUT: "lines that a tool writes around its rows",
        PassedOverKind.UNKNOWN_HEADER: "lines of unknown column names",
        PassedOverKind.HIDDEN_SHEET: "hidden sheets",
        PassedOverKind.ARCHIVE_MEMBER: "files in the archive that hold no devices",
        PassedOverKind.BESIDE_THE_LIST: "values beside the list of devices",
    }
)
"""The name of each kind for people, in the plural."""


PATH_FAULTS: Mapping[PathFault, Explanation] = MappingProxyType(
    {
        PathFault.NO_CUSTOMER: Explanation(
            "The file lies in no customer's folder.",
            f"{_RIGHT_FOLDER} where the customer id is the GUID of the customer's tenant.",
        ),
        PathFault.UNKNOWN_CUSTOMER: Explanation(
            "The first folder of its path is neither a customer id nor a name given to a customer.",
            "Name the folder after the GUID of the customer's tenant or give the customer that name (on the page "
            "Customers or with python -m local customers add). Then drop the file again.",
        ),
        PathFault.REMOVED_CUSTOMER: Explanation(
            "The first folder of its path is a customer's name that was removed.",
            "Drop the file under the GUID of the customer's tenant or bring the name back (on the page Customers or "
            "with python -m local customers add).",
        ),
        PathFault.PATH_TOO_DEEP: Explanation(
            "Its path has more folders than customer and batch or an empty one.", f"{_RIGHT_FOLDER} and nothing below."
        ),
        PathFault.MOVE_WITHOUT_BATCH: Explanation(
            "The file asks to move devices and lies in no folder of a batch.",
            "Drop it into device-files/move-devices/{customer id}/{batch}/ where batch is the one to move to.",
        ),
    }
)

INTAKE_REASONS: Mapping[IntakeReason, Explanation] = MappingProxyType(
    {
        IntakeReason.NO_RELATIONSHIP: Explanation(
            "Partner Center says that this customer has no relationship with the partner. The file was not read.",
            "Correct the customer id in the folder's name or have the customer accept the partner's relationship "
            "request in Partner Center. Then drop the file again.",
        ),
        IntakeReason.TOO_MANY_BATCHES: Explanation(
            "The file names more group tags than one file may.",
            "Check the Group Tag column or split the file by group tag.",
        ),
        IntakeReason.GONE: Explanation(
            "This version of the file was deleted or overwritten before it could be read. Nothing of it was sent.",
            "Nothing if there is a newer version: it is received by itself. Drop the file again if there is none.",
        ),
        IntakeReason.READING_FAILED: Explanation(
            "The file could not be read to its end however often it was tried. Nothing of it was sent.",
            "Split it into smaller files and drop those. The app's log shows the error of each try.",
        ),
    }
)

UNKNOWN_REASONS: Mapping[UnknownReason, RowExplanation] = MappingProxyType(
    {
        UnknownReason.NO_VERDICT: RowExplanation(
            "Partner Center gave no verdict on this device before the deadline.",
            f"{_LOOK_IT_UP} A device that is there already comes back as already_registered.",
            Remedy.SEND_AGAIN,
        ),
        UnknownReason.CONTENT_LOST: RowExplanation(
            "The request with this device was lost in storage before Partner Center accepted it.",
            _LOOK_IT_UP,
            Remedy.SEND_AGAIN,
        ),
        UnknownReason.OUTCOME_MISSING: RowExplanation(
            "The journal holds no outcome of this row. That should not happen.", _LOOK_IT_UP, Remedy.SEND_AGAIN
        ),
        UnknownReason.OUTCOME_UNREADABLE: RowExplanation(
            "This version of the app cannot read the outcome of this row in the journal. It stays there unchanged.",
            f"Deploy the later version again if one was rolled back. {_LOOK_IT_UP}",
            Remedy.SEND_AGAIN,
        ),
    }
)

CANCELLED_REASONS: Mapping[CancelledReason, RowExplanation] = MappingProxyType(
    {
        CancelledReason.STOPPED: RowExplanation(
            "Somebody stopped the file before this row was sent. Nothing of the row was registered.",
            "Nothing if that was meant. Drop the file again to send the row after all: devices that are there already"
            " come back as already_registered.",
            Remedy.NOTHING,
        ),
    }
)

SENT_NOTES: Mapping[SentNote, Explanation] = MappingProxyType(
    {
        SentNote.FIRST_ANSWER_LOST: Explanation(
            "The answer to an earlier request with this device was lost. That request registered it if the row says"
            " registered and may have registered it otherwise.",
            "Nothing.",
        ),
        SentNote.READ_BACK: Explanation(
            "The service gave no verdict but the device was found in the batch.",
            "Nothing: the service gave no verdict but the device stands in the batch.",
        ),
        SentNote.UNDER_ANOTHER_BATCH: Explanation(
            "The device is registered for this customer already but under another batch.",
            "Nothing if that batch is the right one. Otherwise drop this row once more as one that moves its device to "
            "this batch: on the page or with python -m local move.",
        ),
        SentNote.BATCH_NOT_KNOWN: Explanation(
            "The device is registered for this customer already but was found neither in a file of ours nor among the "
            "first thousands of devices of this batch.",
            "Have the registered devices of the customer read on the page and look it up there. Or drop this row once "
            "more as one that moves its device: all batches are searched then. A device that was added through Intune "
            "or the admin centre is not visible to the partner: ask the customer to look it up and to delete it.",
        ),
        SentNote.DELETION_ANSWER_LOST: Explanation(
            "The answer to an earlier deletion of this device was lost. The device was gone afterwards.",
            "Nothing.",
        ),
        SentNote.MOVED: Explanation(
            "The device was removed from another batch before it was sent. The column moved_from names that batch.",
            "Nothing. The device must be reset to get its new profile.",
        ),
        SentNote.REGISTERED_NOWHERE: Explanation(
            "The device was removed from another batch and was not registered under its new one.",
            "Do what the row says. Then drop it into the folder of its batch as an ordinary device file.",
        ),
    }
)

REMOVAL_REASONS: Mapping[RemovalReason, RowExplanation] = MappingProxyType(
    {
        RemovalReason.NOT_THERE: RowExplanation(
            "No batch of the customer that the partner sees has this device.",
            "Nothing. A device that the customer added through Intune or the admin centre is not visible to the "
            "partner: the customer must delete it there.",
            Remedy.NOTHING,
        ),
        RemovalReason.NOT_IN_BATCH: RowExplanation(
            "The batch that the row is to be removed from does not have this device.",
            "Nothing if only this batch was meant. Drop the row without a batch to remove its device from any.",
            Remedy.NOTHING,
        ),
        RemovalReason.LISTED_BUT_GONE: RowExplanation(
            "Partner Center listed the device twice and answered both times that it is not there when it was to be "
            "deleted.",
            "Drop the row again in some hours: it ends as not_registered once Partner Center lists the device no "
            "longer.",
            Remedy.SEND_AGAIN,
        ),
        RemovalReason.DELETION_NOT_ALLOWED: RowExplanation(
            "Partner Center does not allow the partner to delete this device: it does not list that among the allowed "
            "operations. No deletion was sent.",
            "Ask the customer to delete the device in Intune or the admin centre.",
            Remedy.ASK,
        ),
        RemovalReason.SEVERAL_DEVICES: RowExplanation(
            "Several devices of the customer fit the row. None was deleted.",
            "Name the batch to remove it from: as the folder of the file or in the column Group Tag. Add the "
            "manufacturer and model if both stand under one batch.",
        ),
        RemovalReason.ANOTHER_DEVICE: RowExplanation(
            "A device with this serial number or product key is there but it differs from the row in the other or in "
            "manufacturer or model. It was not deleted.",
            "Compare the row with the device in Partner Center and fix the row.",
        ),
        RemovalReason.NOTHING_TO_FIND_IT_BY: RowExplanation(
            "The row has neither a serial number nor a product key by which its device could be found.",
            "Add the serial number or delete the device in Partner Center by hand.",
        ),
        RemovalReason.WITHOUT_ID: RowExplanation(
            "Partner Center lists the device without the id that its deletion needs.",
            "Delete it in Partner Center by hand.",
            Remedy.ASK,
        ),
        RemovalReason.SEARCH_INCOMPLETE: RowExplanation(
            "A batch of the customer could not be searched to its end so nobody can tell whether the device stands "
            "there. It was not deleted.",
            "Drop the row again later. A file that removes devices may name the batch: as its folder or in the column "
            "Group Tag.",
        ),
        RemovalReason.REMOVAL_STOPPED: RowExplanation(
            "Somebody stopped the file before the device of this row was deleted.",
            "Nothing if that was meant. Drop the file again to remove the device after all.",
            Remedy.NOTHING,
        ),
        RemovalReason.ALREADY_THERE: RowExplanation(
            "The device stands under the batch that it is to be moved to already. Nothing was removed.",
            "Nothing.",
            Remedy.NOTHING,
        ),
        RemovalReason.SEVERAL_TO_MOVE: RowExplanation(
            "Several devices of the customer fit the row. None was moved.",
            "Remove those that are too many from their batches first. Then drop the row again.",
        ),
    }
)

WITHDRAWAL_RESULTS: Mapping[WithdrawalResult, Explanation] = MappingProxyType(
    {
        WithdrawalResult.WITHDRAWN: Explanation("Partner Center deleted the device.", "Nothing."),
        WithdrawalResult.ALREADY_GONE: Explanation(
            "The device that this file registered was not there any more.",
            "Nothing: the device that this file registered is not there any more. Another file registered it anew if "
            "it stands in Partner Center all the same. Withdraw that one then.",
        ),
        WithdrawalResult.REFUSED: Explanation(
            "Partner Center would not delete the device for the reason given.",
            "Fix the cause that the reason names and request the withdrawal again: it retries the refused devices. Or "
            "delete the device in Partner Center by hand.",
        ),
    }
)

WITHDRAWAL_REASONS: Mapping[WithdrawalReason, Explanation] = MappingProxyType(
    {
        WithdrawalReason.DEVICE_NOT_IDENTIFIED: Explanation(
            "Partner Center gave no id for this device when it was registered. Its batch does not show beyond doubt "
            "which one it is.",
            "Delete it in Partner Center by hand if it is there and is the one.",
        ),
    }
)

NOWHERE_NOW = "REGISTERED NOWHERE NOW:"
PERHAPS_NOWHERE = "PERHAPS REGISTERED NOWHERE:"
"""How the sentences of rows begin whose device a move removed and could not register, or does not know of."""

STILL_REGISTERED = (
    "Look the device up in Partner Center after some minutes: its removal may not have been through yet. Drop the row "
    "again if it is not there."
)
DEVICE_REMOVED = (
    "Nothing here: the device is deleted from its batch. It stays enrolled in Intune and joined to Microsoft Entra."
)
DELETION_REFUSED = RowExplanation(
    "Partner Center would not delete the device for the reason given.",
    "Fix the cause that the reason names and drop the row again. Or delete the device in Partner Center by hand.",
    Remedy.ASK,
)
"""For a row whose deletion was refused: code and description are the service's own."""

_ASSIGN_IT = (
    "Then drop the row again for its profile alone. Or give one profile to all registered devices of the file on its "
    "page or with python -m local assign-profile."
)

PROFILE_REASONS: Mapping[ProfileReason, Explanation] = MappingProxyType(
    {
        ProfileReason.PROFILE_UNKNOWN: Explanation(
            "The customer has no configuration policy of this name or id in Partner Center. Those of Intune are not "
            "visible there.",
            f"Correct the name (see python -m local profiles) or create the policy in Partner Center. {_ASSIGN_IT}",
        ),
        ProfileReason.PROFILE_AMBIGUOUS: Explanation(
            "Several configuration policies of the customer have this name.",
            f"Give the id of the right one in place of its name. {_ASSIGN_IT}",
        ),
        ProfileReason.DEVICE_NOT_IDENTIFIED: Explanation(
            "Partner Center gave no id for this device and its batch does not show beyond doubt which one it is.",
            "Move the device to the batch of its row if it stands under another one. Or assign the profile in Partner "
            "Center by hand.",
        ),
        ProfileReason.NO_ADMIN_AGENT: Explanation(
            "Partner Center does not let this app's account assign profiles (403): that takes the role of an Admin "
            "agent. Registering devices does not.",
            f"Give the account the role of an Admin agent in Partner Center. {_ASSIGN_IT}",
        ),
        ProfileReason.NO_VERDICT: Explanation(
            "Partner Center gave no verdict on this profile before the deadline and the batch does not show it.",
            f"Look the device up in Partner Center. {_ASSIGN_IT}",
        ),
        ProfileReason.STOPPED: Explanation(
            "Somebody stopped the file before the profile of this row was asked for.",
            "Nothing if that was meant. Otherwise drop the row again for its profile alone.",
        ),
    }
)

PROFILE_NOT_ASSIGNED = (
    "Partner Center did not assign the profile. Drop the row again for its profile alone. Ask Microsoft support with "
    "the code if it fails again."
)
"""What to do where the service gave the reason."""

REQUEST_REFUSED = Explanation(
    "The service refused the whole request.",
    "Fix the problem that the service names and drop the rows again. Ask Microsoft support with the file's correlation "
    "ids if the service names none.",
)
"""For a row whose whole submission was refused: code and description are the service's own."""

READ_ELSEWHERE = Explanation(
    "The file is now read differently than on the day it was dropped.",
    "Fix the row in the file itself and drop that.",
)
"""For a row of to_fix.csv that is no longer at its position in the file."""

TABLES: tuple[Mapping[Any, Explanation], ...] = (
    REASONS,
    NOTES,
    FILE_REASONS,
    FILE_NOTES,
    PATH_FAULTS,
    INTAKE_REASONS,
    UNKNOWN_REASONS,
    CANCELLED_REASONS,
    REMOVAL_REASONS,
    SENT_NOTES,
    WITHDRAWAL_RESULTS,
    WITHDRAWAL_REASONS,
    PROFILE_REASONS,
)
"""All explanations by word, for callers that do not know the kind of the word."""


def explanation_of(word: str) -> Explanation | None:
    """The explanation of a stored word; None for a word of another version of the app."""
    return next((table[word] for table in TABLES if word in table), None)


class UnreadableDeviceFile(DeviceDropError):
    """No row of a device file can be sent. The message names the file, the problem and the remedy."""

    def __init__(self, reason: FileReason, detail: str = "", *, file: str = "") -> None:
        """`detail` is a sentence about this file: where it breaks, which limit it exceeds, or what it is instead."""
        super().__init__(reason, detail, file)
        self.reason = reason
        self.detail = detail
        self.file = file

    @property
    def what_to_do(self) -> str:
        """The remedy, in one or two plain sentences."""
        return FILE_REASONS[self.reason].what_to_do

    def __str__(self) -> str:
        sentence = FILE_REASONS[self.reason].sentence
        parts = (f"{self.file}:" if self.file else "", sentence, self.detail, self.what_to_do)
        return " ".join(part for part in parts if part)
