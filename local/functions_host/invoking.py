"""Calls functions on the worker's thread pool, one log line for each call."""

import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import azure.functions as func

from local.functions_host.app import HostedFunction, HttpTrigger

logger = logging.getLogger(__name__)


class ReturnedValueError(Exception):
    """A function returned a value that the host has no use for; the real worker counts that as a failed invocation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an invocation ended. The exception of a failed one is in the log."""

    succeeded: bool
    response: func.HttpResponse | None = None
    """Of an HTTP function that succeeded."""


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
        """Call `function` as soon as a thread is free. `detail` says in the log what triggered it."""
        running = self._pool.submit(_invoke, function, argument, detail)
        self._unfinished.add(running)
        running.add_done_callback(self._unfinished.discard)
        return running


@dataclass(frozen=True, slots=True)
class NoTrace:
    """The trace context of an invocation that the host does not trace."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """What a function can read of its invocation."""

    function_name: str
    invocation_id: str
    trace_context: NoTrace = NoTrace()


def _invoke(function: HostedFunction, argument: object, detail: str) -> Answer:
    identifier = str(uuid.uuid4())
    what = f"{detail}, invocation {identifier}"
    arguments = {function.parameter: argument}
    if function.takes_context:
        arguments["context"] = InvocationContext(function.name, identifier)
    started = time.monotonic()
    try:
        response = _checked(function, function.call(**arguments))
    except Exception:  # Whatever a function raises is a failed invocation, and no more than that.
        logger.exception("%s failed after %.0f ms (%s)", function.name, (time.monotonic() - started) * 1000, what)
        return Answer(succeeded=False)
    logger.info("%s succeeded in %.0f ms (%s)", function.name, (time.monotonic() - started) * 1000, what)
    return Answer(succeeded=True, response=response)


def _checked(function: HostedFunction, value: object) -> func.HttpResponse | None:
    if isinstance(function.trigger, HttpTrigger):
        if isinstance(value, func.HttpResponse):
            return value
        raise ReturnedValueError(f"{function.name} returned {type(value).__name__}; it must return an HttpResponse")
    if value is not None:
        raise ReturnedValueError(f"{function.name} returned {type(value).__name__}; it must return None")
    return None
