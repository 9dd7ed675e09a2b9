"""The page's style, script and mark, under names that change with their contents, so that they may be kept for ever."""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

STATIC = Path(__file__).parent / "static"
ADDRESS = "/api/static"

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served."""

    content: bytes
    content_type: str
    etag: str
    cache_control: str


def static_address(name: str) -> str:
    """Where `name` is served, with what it holds in its name."""
    stem, dot, kind = name.rpartition(".")
    return f"{ADDRESS}/{stem}.{_digests()[name]}{dot}{kind}"


def static_file(name: str) -> StaticFile | None:
    """The file under this name, with or without what it holds in it; None when there is none.

    Under the name of other contents (of a version before or after this one) it is served, but not to be kept.
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
        cache_control=FOR_EVER if digest == held else ASK_AGAIN,
    )


@cache
def _contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _TYPES}


@cache
def _digests() -> dict[str, str]:
    return {name: blake2b(content, digest_size=8).hexdigest() for name, content in _contents().items()}
