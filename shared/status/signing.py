"""Seals: what is given out comes back as it was given, for the purpose it was given for (HMAC-SHA256).

The key is made once, at the first use, and lies in the private container; no setting is needed, and no person knows it.
"""

import binascii
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from shared.errors import DeviceDropError
from shared.storage.blobs import Container

KEY_PATH = "status/seal-key"
KEY_BYTES = 32
SEAL_BYTES = 16

_OCTETS = "application/octet-stream"


class BadSeal(DeviceDropError):
    """It was not given out by this app for this purpose, or it was changed since."""


class Seals:
    """Seals with the key of this app. Reads the key at each use: storage may have been emptied meanwhile."""

    def __init__(self, private: Container) -> None:
        self._private = private

    def sealed(self, purpose: str, content: bytes) -> str:
        """`content`, readable by everyone, with the seal of `purpose`; safe in an address."""
        return urlsafe_b64encode(self._seal(purpose, content) + content).decode().rstrip("=")

    def opened(self, purpose: str, text: str) -> bytes:
        """The content that was sealed for `purpose` as `text`. Raises BadSeal."""
        both = _decoded(text)
        seal, content = both[:SEAL_BYTES], both[SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(purpose, content)):
            raise BadSeal("The seal does not fit.")
        return content

    def _seal(self, purpose: str, content: bytes) -> bytes:
        purpose_of_key = hmac.digest(self._key(), purpose.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return hmac.digest(purpose_of_key, content, hashlib.sha256)[:SEAL_BYTES]

    def _key(self) -> bytes:
        key = self._private.read(KEY_PATH)
        if key is None:
            self._private.write_new(KEY_PATH, secrets.token_bytes(KEY_BYTES), _OCTETS)
            key = self._private.read(KEY_PATH)
        if key is None or len(key) != KEY_BYTES:
            raise DeviceDropError(
                f"Blob {KEY_PATH} in the private container is no key of {KEY_BYTES} bytes. "
                "Delete it: a new one is made at the next use."
            )
        return key


def _decoded(text: str) -> bytes:
    try:
        both = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadSeal("It is no sealed text.") from error
    if urlsafe_b64encode(both).decode().rstrip("=") != text:
        raise BadSeal("It is written in another way than it was given out.")
    return both
