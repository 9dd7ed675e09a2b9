"""Calls functions on the worker's thread pool, one log line for each call."""

import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn

import azure.functions as func

from local.functions_host.app import HostedFunction, HttpTrigger

logger = logging.getLogger(__name__)


class ReturnedValueError(Exception):
    """A function without `$return` returned something; the real worker counts that as a failed invocation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an invocation ended. A failed one has no value; its exception is in the log."""

    succeeded: bool
    value: object = None


class _InvocationContext(func.Context):
    """What a function's `context` parameter gets."""

    def __init__(self, function: HostedFunction, invocation_id: str) -> None:
        self._function = function
        self._invocation_id = invocation_id

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return str(self._function.folder)

    @property
    def thread_local_storage(self) -> NoReturn:
        raise NotImplementedError("this host does not carry logging of user threads")

    @property
    def trace_context(self) -> NoReturn:
        raise NotImplementedError("this host has no distributed tracing")

    @property
    def retry_context(self) -> NoReturn:
        raise NotImplementedError("this host has no retry policies")


class Invoker:
    """The thread pool that all synchronous functions of the app share, as in the real worker."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._unfinished: set[Future[Answer]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether no function runs or waits for a thread."""
        return not self._unfinished

    def start(self, function: HostedFunction, argument: object, detail: str) -> Future[Answer]:
        """Call `function` with what triggered it, when a thread is free. `detail` names the trigger in the log."""
        running = self._pool.submit(_invoke, function, argument, detail)
        self._unfinished.add(running)
        running.add_done_callback(self._unfinished.discard)
        return running


def _invoke(function: HostedFunction, argument: object, detail: str) -> Answer:
    invocation_id = str(uuid.uuid4())
    arguments = {function.parameter: argument}
    if function.takes_context:
        arguments["context"] = _InvocationContext(function, invocation_id)
    started = time.monotonic()
    try:
        value = _checked(function, function.call(**arguments))
    except Exception:  # Whatever a function raises is a failed invocation, and no more than that.
        logger.exception(
            "%s failed after %.0f ms (%s, invocation %s)",
            *(function.name, (time.monotonic() - started) * 1000, detail, invocation_id),
        )
        return Answer(succeeded=False)
    logger.info(
        "%s succeeded in %.0f ms (%s, invocation %s)",
        *(function.name, (time.monotonic() - started) * 1000, detail, invocation_id),
    )
    return Answer(succeeded=True, value=value)


def _checked(function: HostedFunction, value: object) -> object:
    if value is not None and not isinstance(function.trigger, HttpTrigger):
        raise ReturnedValueError(f"{function.name} returned {type(value).__name__}; it must return None")
    return value
