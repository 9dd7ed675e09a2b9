"""Indexes function_app as the production worker does and prints what it found as JSON; or, with `--invoke`, calls it.

Run by a Python 3.13 that has azure-functions-runtime, the library inside the worker of Python 3.13 and newer; the test
of function_app makes that environment. It needs no host: the message types that the host would bring are stood in for.
"""

import json
import sys
from types import SimpleNamespace
from typing import Any


def _namespace(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**fields)


class _BindingInfo(SimpleNamespace):
    # In the order and with the numbers of the host's own definition.
    undefined, string, binary, stream = 0, 1, 2, 3
    out, inout = 1, 2


setattr(_BindingInfo, "in", 0)

PROTOS = _namespace(BindingInfo=_BindingInfo, RpcFunctionMetadata=_namespace, RpcRetryOptions=_namespace)


def indexed(folder: str) -> dict[str, list[str]]:
    """Each function of the app in `folder`, with its bindings as the host would be told."""
    from azure_functions_runtime.bindings.meta import load_binding_registry
    from azure_functions_runtime.functions import Registry
    from azure_functions_runtime.loader import index_function_app, process_indexed_function

    load_binding_registry()
    functions = index_function_app("function_app.py")
    results, _ = process_indexed_function(PROTOS, Registry(), functions, folder)
    return {result.name: list(result.raw_bindings) for result in results}


def traces_seen(folder: str, trace_parent: str) -> dict[str, str]:
    """The current trace, in hexadecimal, within each function that the worker's library calls, on its thread pool."""
    import opentelemetry.sdk  # noqa: F401 - as when export is switched on
    from azure_functions_runtime import native_invocation
    from azure_functions_runtime.bindings.datumdef import Datum
    from azure_functions_runtime.bindings.meta import load_binding_registry
    from azure_functions_runtime.functions import Registry
    from azure_functions_runtime.loader import index_function_app, process_indexed_function
    from azure_functions_runtime.utils.threadpool import start_threadpool_executor
    from opentelemetry import trace

    import function_app

    seen: dict[str, str] = {}

    def record(*_: object) -> None:
        seen[running] = f"{trace.get_current_span().get_span_context().trace_id:032x}"

    vars(function_app).update(wake=record, pipeline=object)
    sys.modules["shared.pipeline.sweep"] = _namespace(sweep=record)  # type: ignore[assignment]
    load_binding_registry()
    registry = Registry()
    results, _ = process_indexed_function(PROTOS, registry, index_function_app("function_app.py"), folder)
    start_threadpool_executor()
    native_invocation._functions = registry
    inputs = {
        "advance_submission": ("message", Datum("text", "string")),
        "sweep": ("timer", Datum("{}", "json")),
    }
    for result in results:
        if result.name in inputs:
            running = result.name
            answer = native_invocation.run_invocation_sync("1", result.function_id, [inputs[running]], {}, trace_parent)
            assert answer[1], answer
    return seen


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    json.dump(traces_seen(sys.argv[1], sys.argv[3]) if "--invoke" in sys.argv else indexed(sys.argv[1]), sys.stdout)
