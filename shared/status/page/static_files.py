"""The style, script and icon of the page, under names that change with their contents and so may be cached for ever."""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

STATIC = Path(__file__).parent / "static"
ADDRESS = "/api/static"

FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file with its headers."""

    content: bytes
    content_type: str
    etag: str
    cache_control: str


def static_address(name: str) -> str:
    """The address of `name`, which holds a digest of its contents."""
    stem, dot, kind = name.rpartition(".")
    return f"{ADDRESS}/{stem}.{_digests()[name]}{dot}{kind}"


def static_file(name: str) -> StaticFile | None:
    """The file with this name, with or without a digest in it; None when there is none.

    With the digest of another version of the app it is served too, but browsers must not cache it.
    """
    stem, dot, kind = name.rpartition(".")
    plain, _, digest = stem.rpartition(".")
    known = name if name in _digests() else f"{plain}{dot}{kind}"
    if known not in _digests():
        return None
    held = _digests()[known]
    return StaticFile(
        content=_contents()[known],
        content_type=_TYPES[f".{kind}"],
        etag=f'"{held}"',
        cache_control=FOR_EVER if digest == held else REVALIDATE,
    )


@cache
def _contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _TYPES}


@cache
def _digests() -> dict[str, str]:
    return {name: blake2b(content, digest_size=8).hexdigest() for name, content in _contents().items()}
