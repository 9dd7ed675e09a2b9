"""Indexes function_app as the production worker does and prints what it found as JSON.

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


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    json.dump(indexed(sys.argv[1]), sys.stdout)
