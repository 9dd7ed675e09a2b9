"""Which addresses there are below `api/`, and the methods each takes: for answers to those that are none."""

from collections.abc import Mapping, Sequence

READ = ("GET", "HEAD")
PAGE = ("GET",)
CHANGE = ("POST",)

ROUTES: Mapping[str, Sequence[str]] = {
    "files": READ,
    "files/{customer_id}/{file_id}": READ,
    "files/{customer_id}/{file_id}/outcomes": READ,
    "files/{customer_id}/{file_id}/results.csv": READ,
    "files/{customer_id}/{file_id}/to_fix.csv": READ,
    "files/{customer_id}/{file_id}/report.html": READ,
    "files/{customer_id}/{file_id}/retry": CHANGE,
    "files/{customer_id}/{file_id}/withdraw": CHANGE,
    "devices/{customer_id}/{*serial}": READ,
    "openapi.json": READ,
    "status": PAGE,
    "status/static/{name}": PAGE,
    "status/{customer_id}/{file_id}": PAGE,
    "status/{customer_id}/{file_id}/results.csv": PAGE,
    "status/{customer_id}/{file_id}/to_fix.csv": PAGE,
    "status/{customer_id}/{file_id}/report.html": PAGE,
    "status/{customer_id}/{file_id}/retry": CHANGE,
    "status/{customer_id}/{file_id}/withdraw": (*PAGE, *CHANGE),
}
"""Each a function of function_app, which binds them by these templates."""


def allowed_methods(path: str) -> Sequence[str]:
    """The methods that the address `path` (below `api/`) takes; none when it is no address of ours."""
    parts = path.strip("/").split("/")
    return next((methods for route, methods in ROUTES.items() if _is_of(route.split("/"), parts)), ())


def _is_of(route: Sequence[str], parts: Sequence[str]) -> bool:
    if route[-1].startswith("{*"):
        return len(parts) >= len(route) and _is_of(route[:-1], parts[: len(route) - 1])
    return len(route) == len(parts) and all(
        part and (expected.startswith("{") or expected.lower() == part.lower())
        for expected, part in zip(route, parts, strict=True)
    )
