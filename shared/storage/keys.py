r"""The partition and row keys of every record, and the encoding of any text in a key. Pure.

Table Storage refuses `/ \ # ?` and control characters in keys and more than 1 KiB of UTF-16, which is 512 characters
(Understanding the Table service data model, "Characters disallowed in key fields"). `%` and `'` are legal but have
broken clients, so they are escaped too; so is `~`, because it separates the parts of a key.

Azure takes 2,000 entities a second in one partition, and the emulator slows down in large ones: hence blocks of
outcomes, shards of open files, and buckets and shards of serial numbers.
"""

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

Key = tuple[str, str]
"""Partition and row key."""

LONGEST_KEY = 512
"""UTF-16 units."""

BEHIND = "~"
"""Sorts after every other character of a key."""

NO_CUSTOMER = "_"
"""The partition of files whose path names no customer."""

LISTED = "~"
"""Begins the key of a final file's listing in the table of files; a file's own key is its id, which sorts before."""

OPEN_FILE_SHARDS = 16

WITHDRAWALS = "withdrawals"
"""The partition of the index of open files for files whose devices are being withdrawn."""

ROWS_IN_A_BLOCK = 1_000
"""Outcomes in one partition."""

SERIAL_BUCKETS = 256
"""Partitions of the index of serial numbers for large files: each serial number belongs to one."""

FIRST_BUCKET, BEHIND_BUCKETS = "00", "fg"
"""All buckets, and no shard, lie between these."""

SERIAL_SHARDS = 16
"""Partitions of that index for all other files: a file uses one, or a few. Then one transaction takes a hundred of its
rows; in the bucket of its serial number, each row would need its own transaction."""

ROWS_OF_A_LARGE_FILE = 20_000
"""From this size on, a file fills transactions in every bucket and would be too much for one partition."""

ROWS_IN_A_SHARD = 2_000
"""Rows of one file in a shard."""

LONGEST_SERIAL_KEY = 300
"""UTF-16 units of a serial number in a key, which also names customer, file and row."""

GATES = "gates"

ACTS = "acts"
"""The partition of human acts: there are few."""

INVENTORIES = "customers"
"""The partition of the readings of customers' registered devices; their batches stand in each customer's own."""

BUDGETS = "budgets"
"""The partition of the same table for the requests of each day."""

UPLOADS = "uploads"
"""The partition of uploads; the contents sent to a customer are in the customer's partition of the same table."""

SENDINGS = "sendings"
"""The partition of drops by people, in the table of uploads."""

_ROWS = f"{BEHIND}rows"
"""The suffix of the key of a submission's packed rows."""

_LAST_TICK = 10**14
"""Seconds since 1970 in tenths of a millisecond are subtracted from this, so that newer sorts first."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=100)
_FIRST_TIME = _EPOCH + _TICK
_LAST_TIME = _EPOCH + _LAST_TICK * _TICK
"""Keys express these times and those between, to the year 2286: of more or fewer digits, they would not sort."""

_ESCAPE = "!"
_UNSAFE = re.compile(r"[/\\#?%'~!\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def safe_key(text: str, longest: int = LONGEST_KEY) -> str:
    """`text` as a key of at most `longest` UTF-16 units; two texts never share one.

    An escaped character is `!` and its code point in hexadecimal, ended by `.`. A key that would be too long keeps its
    beginning and ends in `!!` and a digest; `!!` occurs in no other key, so the two kinds never meet.
    """
    escaped = _UNSAFE.sub(lambda match: f"{_ESCAPE}{ord(match[0]):x}.", text)
    if units_in(escaped) <= longest:
        return escaped
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    ending = _ESCAPE * 2 + digest
    return beginning_of(escaped, longest - len(ending)).rstrip(_ESCAPE) + ending


def units_in(text: str) -> int:
    """The length of `text` as storage counts it: in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def beginning_of(text: str, most: int) -> str:
    """The beginning of `text`, of at most `most` units; a character is left out rather than halved."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * most].decode("utf-16-le", "ignore")


# --- files


@dataclass(frozen=True, slots=True)
class TimeCursor:
    """The position of a final file in the index by time."""

    day: str
    row: str


def file_key(customer_id: str | None, file_id: str) -> Key:
    """The key of a device file."""
    return customer_id or NO_CUSTOMER, file_id


def open_file_key(file_id: str) -> Key:
    """The key of a file in the index of open files."""
    return open_file_shard(zlib.crc32(file_id.encode()) % OPEN_FILE_SHARDS), file_id


def open_file_shard(number: int) -> str:
    """A partition of the index of open files."""
    return f"{number:02d}"


def withdrawal_key(file_id: str) -> Key:
    """The key of a file in the index of withdrawals in progress."""
    return WITHDRAWALS, file_id


def time_cursor(received_at: datetime, file_id: str = "") -> TimeCursor:
    """The position of a file among all, newest first; without an id, before every file received at this exact time.

    A time that keys cannot express, which only a damaged row has, counts as the nearest one that they can.
    """
    within = min(max(received_at, _FIRST_TIME), _LAST_TIME)
    ticks = _LAST_TICK - int(within.timestamp() * 10_000)
    return TimeCursor(day_key(_day_of(ticks)), f"{ticks:014d}~{file_id}")


def time_key(received_at: datetime, file_id: str) -> Key:
    """The key of a final file in the index by time: newest first, day by day."""
    place = time_cursor(received_at, file_id)
    return place.day, place.row


def listing_key(customer_id: str | None, received_at: datetime, file_id: str) -> Key:
    """The key of a final file's listing, which sorts after the records of its customer's files, newest first."""
    return customer_id or NO_CUSTOMER, f"{LISTED}{time_cursor(received_at, file_id).row}"


def cursor_of_key(key: Key) -> TimeCursor:
    """The position of a final file, by its key in either index, whatever its row holds."""
    row = key[1].removeprefix(LISTED)
    ticks = row.partition("~")[0]
    try:
        received_on = _day_of(int(ticks))
    except (ValueError, OverflowError):
        received_on = date.min  # no file's key: behind all of them
    return TimeCursor(day_key(received_on), row)


def _day_of(ticks: int) -> date:
    """The day (UTC) that a key's ticks lie in. Raises OverflowError beyond the years 1 to 9999."""
    return (_EPOCH + (_LAST_TICK - ticks) * _TICK).date()


def day_key(day: date) -> str:
    """The key of a day, newest first and readable: `2912219~2026-11-20`."""
    return f"{date.max.toordinal() - day.toordinal():07d}~{day.isoformat()}"


# --- acts


def act_key(asked_at: datetime, act_id: str) -> Key:
    """The key of an act: newest first."""
    return ACTS, time_cursor(asked_at, act_id).row


# --- submissions


def submission_key(reading_id: str, number: str) -> Key:
    """The key of a submission. Numbers sort as numbers, and halves after their submission: `0000012`, `0000012-0`."""
    head, dash, tail = number.partition("-")
    return reading_id, f"{int(head):07d}{dash}{tail}"


def submission_rows_key(submission: Key) -> Key:
    """The key of a submission's packed rows, which sorts directly after the key of the submission."""
    partition, row = submission
    return partition, row + _ROWS


def are_neighbours(numbers: Sequence[str]) -> bool:
    """Whether little else lies between the first and the last of these submissions' numbers."""
    heads = [int(number.partition("-")[0]) for number in numbers]
    return max(heads) - min(heads) < len(numbers)


# --- rows of a file


def row_key(row: int) -> str:
    """The key of a row in its block."""
    return f"{row:08d}"


def block_of(row: int) -> int:
    """The number of the block that holds a row."""
    return (max(row, 1) - 1) // ROWS_IN_A_BLOCK


def block_key(reading_id: str, block: int) -> str:
    """The partition of a block."""
    return f"{reading_id}.{block:06d}"


def blocks_of(reading_id: str) -> tuple[str, str]:
    """The range of partitions of all blocks of a reading, from and below: `/` is the next character after the dot."""
    return f"{reading_id}.", f"{reading_id}/"


def outcome_key(reading_id: str, row: int) -> Key:
    """The key of a row's outcome, and of its device's withdrawal in the table of withdrawals."""
    return block_key(reading_id, block_of(row)), row_key(row)


# --- serial numbers


def serial_key(serial_number: str, customer_id: str, file_id: str, row: int, rows_of_file: int) -> Key:
    """The key of a row of a file in the index of serial numbers."""
    in_partition = serial_row(serial_number, customer_id, file_id, row)
    if rows_of_file >= ROWS_OF_A_LARGE_FILE:
        return serial_bucket(serial_number), in_partition
    spread = 1 + rows_of_file // ROWS_IN_A_SHARD
    return serial_shard(zlib.crc32(file_id.encode()) + zlib.crc32(in_partition.encode()) % spread), in_partition


def serial_partitions(serial_number: str) -> list[str]:
    """Every partition that may hold rows with this serial number."""
    return [serial_bucket(serial_number), *map(serial_shard, range(SERIAL_SHARDS))]


def serial_row(serial_number: str, customer_id: str, file_id: str, row: int) -> str:
    """The row key of a row of a file in the index of serial numbers."""
    return f"{serial_prefix(serial_number)}{customer_id}~{file_id}~{row_key(row)}"


def serial_prefix(serial_number: str) -> str:
    """The prefix of the row keys of all rows with this serial number."""
    return safe_key(serial_number.casefold(), LONGEST_SERIAL_KEY) + "~"


def name_of_product_key(product_key: str) -> str:
    """What stands for a product key in the index of serial numbers: no serial number begins with this character."""
    return f"\0{product_key}"


def serial_bucket(serial_number: str) -> str:
    """The partition of a serial number for large files."""
    return f"{zlib.crc32(serial_number.casefold().encode('utf-8', 'replace')) % SERIAL_BUCKETS:02x}"


def serial_shard(number: int) -> str:
    """A partition of the index of serial numbers for all other files."""
    return f"shard-{number % SERIAL_SHARDS:02d}"


# --- batches and gates


def batch_key(customer_id: str, batch_id: str) -> Key:
    """The key of a device batch, whose name the service compares without case."""
    return customer_id, safe_key(batch_id.casefold())


def gate_key(scope: str) -> Key:
    """The key of a scope's gate."""
    return GATES, safe_key(scope)


# --- registered devices


def inventory_key(customer_id: str) -> Key:
    """The key of the reading of a customer's registered devices."""
    return INVENTORIES, customer_id


def batch_inventory_key(customer_id: str, batch_id: str) -> Key:
    """The key of a batch whose devices are read; here two names that differ in case alone are two batches."""
    return customer_id, safe_key(batch_id)


def device_change_key(customer_id: str, change_id: str) -> Key:
    """The key of a change of a registered device."""
    return f"{customer_id}{BEHIND}changes", change_id


def drift_partition(customer_id: str) -> str:
    """The partition of the devices of a customer that drifted."""
    return f"{customer_id}{BEHIND}drift"


def drift_key(customer_id: str, seen_at: datetime, drift_id: str) -> Key:
    """The key of a device that drifted: newest first."""
    return drift_partition(customer_id), time_cursor(seen_at, drift_id).row


# --- uploads


def upload_key(upload_id: str) -> Key:
    """The key of an upload."""
    return UPLOADS, safe_key(upload_id)


def sending_key(sent_at: datetime, sending_id: str) -> Key:
    """The key of a drop on the page: newest first."""
    return SENDINGS, time_cursor(sent_at, sending_id).row


def content_key(customer_id: str, digest: str) -> Key:
    """The key of a content that was sent to a customer."""
    return customer_id, digest
