"""Valid hardware hashes of devices that do not exist: any number, and always the same for the same number.

The layout is deliberately stated a second time: a reader that has it wrong must not be measured on its own mistake.
Blocks and sizes are those of a usual laptop: its checksum covers about 1,100 of the 3,000 bytes.
"""

import base64
import hashlib
import struct

_WHOLE_BYTES = 3000
_COLLECTED = 825_000_000
"""Seconds since 2000, in February 2026."""
_TOOL_BUILD = 26100
_TEXTS = {14: "{serial}", 15: "LENOVO", 16: "LENOVO", 17: "21R3001BUK", 18: "LENOVO_MT_21R3_BU_Think_FM_ThinkPad T14"}
_FILLED = {
    2: 12,
    34: 11,
    5: 21,
    3: 13,
    4: 48,
    6: 12,
    7: 44,
    8: 22,
    9: 12,
    13: 78,
    23: 20,
    28: 45,
    29: 18,
    30: 94,
    35: 3,
}
"""Types and sizes of blocks whose contents do not identify the device."""


def hardware_hash(number: int, serial: str) -> str:
    """The hash of device `number`, whose serial number is `serial`: 4,000 characters."""
    seed = hashlib.sha256(number.to_bytes(8, "little")).digest()
    tpm_key = seed * 8
    blocks = [
        _block(1, struct.pack("<8HIbBBB", 0, 10, 7705, _TOOL_BUILD, 0, 10, 7840, 26100, _COLLECTED, 0, 2, 9, 9)),
        *(_block(kind, (seed * 4)[:size]) for kind, size in _FILLED.items()),
        _block(25, tpm_key),
        _block(11, struct.pack("<IBBI", 0, 1, 0, 32) + hashlib.sha256(tpm_key).digest()),
        _block(12, seed[:16]),
        *(_block(kind, text.format(serial=serial).encode() + b"\0") for kind, text in _TEXTS.items()),
    ]
    body = b"".join(blocks)
    record = b"OA" + struct.pack("<H", 4 + len(body)) + body
    checksum = b"CS" + struct.pack("<H", 36) + hashlib.sha256(record).digest()
    return base64.b64encode((record + checksum).ljust(_WHOLE_BYTES, b"\0")).decode()


def _block(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, 4 + len(body)) + body
