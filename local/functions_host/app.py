"""Reads a function app: which functions it has, what triggers them, and how each is called."""

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import azure.functions as func
from azure.functions import AuthLevel
from azure.functions.decorators.function_app import Function

from local.functions_host.host_settings import HostError, connection_string, resolve
from local.functions_host.schedule import Schedule, ScheduleError

CONTAINER_SCAN = "LogsAndContainerScan"


@dataclass(frozen=True, slots=True)
class BlobTrigger:
    """A function is called for each new version of a blob in `container` whose name `pattern` matches."""

    container: str
    pattern: str
    connection: str
    """The name of the app setting, as the SDK-type bindings want it."""
    connection_string: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """A function is called for each message of `queue`."""

    queue: str
    connection_string: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A function is called at the times of `schedule`."""

    schedule: Schedule
    run_on_startup: bool


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """A function is called for requests to `route` (below the route prefix) with one of `methods`, any when empty."""

    route: str
    methods: frozenset[str]
    needs_key: bool = False
    """Whether the real host asks for a function key."""


Trigger = BlobTrigger | QueueTrigger | TimerTrigger | HttpTrigger


@dataclass(frozen=True, slots=True)
class HostedFunction:
    """One function of the app."""

    name: str
    trigger: Trigger
    parameter: str
    """The parameter that takes what triggered it."""
    parameter_type: type
    takes_context: bool
    folder: Path
    call: Callable[..., object]

    @property
    def function_id(self) -> str:
        """What receipts and blob messages call it."""
        return f"Host.Functions.{self.name}"


def load_functions(module_name: str, environment: Mapping[str, str]) -> list[HostedFunction]:
    """The functions of the one `FunctionApp` in the module.

    Raises:
        HostError: the app, or one of its functions, is not something this host can run. As with the real worker, one
            bad function stops the whole app.
    """
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # Whatever the app's own code raises while it is imported.
        raise HostError(f"the module {module_name} cannot be imported: {type(error).__name__}: {error}") from error
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionApp)]
    if len(apps) != 1:
        raise HostError(f"the module {module_name} has {len(apps)} FunctionApp objects; it must have exactly one.")
    # Once only: a second call takes the first one's names for duplicates.
    functions = apps[0].get_functions()
    if not functions:
        raise HostError(f"the app in {module_name} has no functions.")
    return [_hosted(function, module, environment) for function in functions]


def _hosted(function: Function, module: ModuleType, environment: Mapping[str, str]) -> HostedFunction:
    name = str(function.get_function_name())
    trigger = function.get_trigger()
    if trigger is None:
        raise HostError(f"the function {name} has no trigger. Decorate it with one.")
    others = [
        str(binding.type) for binding in function.get_bindings() if binding is not trigger and binding.type != "http"
    ]
    if others:
        raise HostError(f"the function {name} has bindings this host does not serve: {', '.join(others)}.")
    call = function.get_user_function()
    if inspect.iscoroutinefunction(call):
        raise HostError(f"the function {name} is async; this host calls synchronous functions only.")
    parameters = typing.get_type_hints(call)
    names = set(inspect.signature(call).parameters)
    if not names <= {trigger.name, "context"} or trigger.name not in names:
        raise HostError(
            f"the function {name} must have the parameter {trigger.name!r}, may have 'context', and nothing else; "
            f"it has {', '.join(sorted(names)) or 'none'}."
        )
    if parameters.get("context", func.Context) is not func.Context:
        raise HostError(f"the parameter 'context' of the function {name} must be annotated func.Context.")
    return HostedFunction(
        name=name,
        trigger=_trigger(name, trigger.get_dict_repr(), environment),
        parameter=trigger.name,
        parameter_type=parameters.get(trigger.name, object),
        takes_context="context" in names,
        folder=Path(module.__file__ or ".").resolve().parent,
        call=call,
    )


def _trigger(function: str, binding: Mapping[str, typing.Any], environment: Mapping[str, str]) -> Trigger:
    def text(attribute: str) -> str:
        return resolve(str(binding.get(attribute) or ""), environment)

    match str(binding["type"]):
        case "blobTrigger":
            if text("source") not in ("", CONTAINER_SCAN):
                raise HostError(
                    f"the blob trigger of {function} has the source {text('source')}, for which there is no event "
                    f"source on this machine. Set its source to {CONTAINER_SCAN} (BLOB_TRIGGER_SOURCE)."
                )
            container, _, pattern = text("path").partition("/")
            storage = connection_string(text("connection"), environment)
            return BlobTrigger(container, pattern or "{name}", text("connection"), storage)
        case "queueTrigger":
            return QueueTrigger(text("queueName"), connection_string(text("connection"), environment))
        case "timerTrigger":
            try:
                schedule = Schedule.parse(text("schedule"))
                schedule.next_after(datetime.now(UTC))
            except ScheduleError as error:
                raise HostError(f"the function {function} cannot be started: {error}") from error
            return TimerTrigger(schedule, run_on_startup=bool(binding.get("runOnStartup")))
        case "httpTrigger":
            methods = frozenset(str(method).upper() for method in binding.get("methods") or ())
            needs_key = str(binding.get("authLevel") or AuthLevel.FUNCTION).rpartition(".")[2].lower() != "anonymous"
            return HttpTrigger(str(binding.get("route") or function), methods, needs_key)
        case other:
            raise HostError(f"the function {function} has a trigger this host does not serve: {other}.")
