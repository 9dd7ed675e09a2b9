"""Reads a function app: its functions, what triggers each of them, and how each is called."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.functions import AuthLevel
from azure.functions.decorators.function_app import Function

from local.functions_host.host_settings import HostError, connection_string
from local.functions_host.schedule import Schedule, ScheduleError

CONTAINER_SCAN = "LogsAndContainerScan"
_ANY_BLOB = "{name}"
_CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class BlobTrigger:
    """Calls a function for each new version of a blob in `container`."""

    container: str
    connection: str
    """The name of the app setting, as SDK-type bindings want it."""
    connection_string: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """Calls a function for each message of `queue`."""

    queue: str
    connection_string: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """Calls a function at the times of `schedule`."""

    schedule: Schedule


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """Calls a function for requests to `route` (below the route prefix) with one of `methods`, any when empty."""

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
    """The name of the parameter that takes what triggered it."""
    call: Callable[..., object]
    takes_context: bool = False
    """Whether it also has the parameter `context`."""

    @property
    def function_id(self) -> str:
        """Its name in receipts and in messages about blobs."""
        return f"Host.Functions.{self.name}"


def load_functions(module_name: str, environment: Mapping[str, str]) -> list[HostedFunction]:
    """The functions of the one `FunctionApp` in the module.

    Raises:
        HostError: this host cannot run the app or one of its functions. As with the real worker, one bad function stops
            the whole app.
    """
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # Whatever the app's own code raises while it is imported.
        raise HostError(f"the module {module_name} cannot be imported: {type(error).__name__}: {error}") from error
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionApp)]
    if len(apps) != 1:
        raise HostError(f"the module {module_name} has {len(apps)} FunctionApp objects; it must have exactly one.")
    # Called once: a second call takes the first one's names for duplicates.
    functions = apps[0].get_functions()
    if not functions:
        raise HostError(f"the app in {module_name} has no functions.")
    return [_hosted(function, environment) for function in functions]


def _hosted(function: Function, environment: Mapping[str, str]) -> HostedFunction:
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
    parameters = list(inspect.signature(call).parameters)
    takes_context = _CONTEXT in parameters
    if inspect.iscoroutinefunction(call) or {*parameters} - {_CONTEXT} != {trigger.name}:
        raise HostError(
            f"the function {name} must be synchronous and have the parameter {trigger.name!r}, and {_CONTEXT!r} if it "
            f"wants that; it has {', '.join(parameters) or 'none'}."
        )
    kind = _trigger(name, trigger.get_dict_repr(), environment)
    return HostedFunction(name, kind, trigger.name, call, takes_context)


def _trigger(function: str, binding: Mapping[str, Any], environment: Mapping[str, str]) -> Trigger:
    match str(binding["type"]):
        case "blobTrigger":
            return _blob_trigger(function, binding, environment)
        case "queueTrigger":
            return QueueTrigger(str(binding["queueName"]), connection_string(str(binding["connection"]), environment))
        case "timerTrigger":
            try:
                return TimerTrigger(Schedule.parse(str(binding["schedule"])))
            except ScheduleError as error:
                raise HostError(f"the function {function} cannot be started: {error}") from error
        case "httpTrigger":
            methods = frozenset(str(method).upper() for method in binding.get("methods") or ())
            needs_key = str(binding.get("authLevel") or AuthLevel.FUNCTION).rpartition(".")[2].lower() != "anonymous"
            return HttpTrigger(str(binding.get("route") or function), methods, needs_key)
        case other:
            raise HostError(f"the function {function} has a trigger this host does not serve: {other}.")


def _blob_trigger(function: str, binding: Mapping[str, Any], environment: Mapping[str, str]) -> BlobTrigger:
    source, connection = str(binding.get("source") or CONTAINER_SCAN), str(binding["connection"])
    if source != CONTAINER_SCAN:
        raise HostError(
            f"the blob trigger of {function} has the source {source}, for which there is no event source on this "
            f"machine. Set its source to {CONTAINER_SCAN} (BLOB_TRIGGER_SOURCE)."
        )
    container, _, pattern = str(binding["path"]).partition("/")
    if pattern != _ANY_BLOB:
        raise HostError(f"the blob trigger of {function} must watch a whole container, {container}/{_ANY_BLOB}.")
    return BlobTrigger(container, connection, connection_string(connection, environment))
