"""Names of device files and of the blobs derived from them, all distinct."""

import hashlib

import pytest

from shared.pipeline.blob_names import is_payload, payload_digest

BODY = b'[{"serialNumber":"SN1"}]'


@pytest.mark.parametrize(
    "digest", [payload_digest(BODY), hashlib.blake2b(BODY, digest_size=16).hexdigest()], ids=["this version", "earlier"]
)
def test_a_body_is_known_by_its_digest_also_by_one_of_an_earlier_version(digest: str) -> None:
    assert is_payload(BODY, digest)
    assert not is_payload(BODY + b" ", digest)


@pytest.mark.parametrize("digest", ["", "d", payload_digest(b"")])
def test_another_digest_is_not_that_of_the_body(digest: str) -> None:
    assert not is_payload(BODY, digest)
