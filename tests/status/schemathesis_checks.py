"""Checks of our own for schemathesis, which imports this file in a process of its own."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, Response


@schemathesis.check
def valid_data_is_refused_for_its_cursor_or_customer_alone(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    """Which text is a cursor of a list, and which names customers have, no schema can tell."""
    del ctx
    is_valid = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if is_valid and response.status_code == 400:
        refused = response.json()["parameter"]
        assert refused in ("next", "customer"), "data that the document allows was refused"
        assert refused in (case.query or {})


@schemathesis.check
def every_answer_bears_the_headers_that_protect_it(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """But for the answer of the Functions host itself to a missing key."""
    del ctx, case
    if response.status_code != 401:
        assert response.headers["x-content-type-options"] == ["nosniff"]
        assert response.headers["cache-control"] == ["no-store"]


@schemathesis.check
def an_error_tells_nothing_of_the_inside(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """No trace, no address of storage, no class of Python."""
    del ctx, case
    if response.status_code >= 400:
        for word in (b"Traceback", b"AccountKey", b".py", b"Error("):
            assert word not in response.content
