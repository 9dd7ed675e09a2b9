"""Failures that leave a function: one error each in the logs, with what it was about.

The worker exports only our own log lines, and the host drops its record of a failed invocation when the worker exports:
without this error a failed function would leave no trace in Application Insights.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger(__name__)

_ABOUT = "_device_drop_about"
"""The attribute of an exception with the log fields of its subject."""


class Invocation(Protocol):
    """One call of a function, as the host names it."""

    @property
    def function_name(self) -> str:
        """The name of the function."""

    @property
    def invocation_id(self) -> str:
        """The id of the call, under which the host logs it."""


@contextmanager
def concerning(fields: Mapping[str, object]) -> Iterator[None]:
    """Note the subject of an exception raised within. Fields known from closer to the failure stay."""
    try:
        yield
    except BaseException as error:
        setattr(error, _ABOUT, {**fields, **_about(error)})
        raise


@contextmanager
def logged_failure(invocation: Invocation) -> Iterator[None]:
    """Log the exception that leaves the function, then let the host have it.

    A panic in a library written in Rust, and the end of the interpreter that a library asks for, are no `Exception`.
    """
    try:
        yield
    except BaseException as error:
        fields = {"function": invocation.function_name, "invocation_id": invocation.invocation_id}
        logger.exception("A function failed", extra=subject_of(error) | fields)
        raise


def subject_of(error: BaseException) -> dict[str, object]:
    """The log fields of the subject of `error`; of a group of exceptions, each value that occurs among its parts."""
    if not isinstance(error, BaseExceptionGroup):
        return _about(error)
    values: dict[str, dict[str, None]] = {}
    for part in map(subject_of, error.exceptions):
        for name, value in part.items():
            values.setdefault(name, {})[str(value)] = None
    return _about(error) | {name: ", ".join(found) for name, found in values.items()}


def _about(error: BaseException) -> dict[str, object]:
    about: dict[str, object] = getattr(error, _ABOUT, {})
    return about
