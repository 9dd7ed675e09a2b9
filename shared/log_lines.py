"""Log fields within the message's line, for a Functions host that shows lines alone, as Core Tools do.

Where the worker exports its own telemetry, the fields arrive by themselves, and alerts compare whole sentences.
"""

import copy
import logging
import sys
from collections.abc import Collection, Mapping

LOGGER = "shared"

_EXPORTS = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
_WORKERS = ("azure_functions_worker", "azure_functions_runtime")
"""The packages of the Functions worker, before Python 3.13 and from then on."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldsInLine(logging.Handler):
    """Passes each record on to the root's handlers, its fields behind the sentence."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass `record` on; the record itself does not change."""
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        line = copy.copy(record)
        shown = ", ".join(f"{name}={value}" for name, value in fields.items())
        line.msg, line.args = f"{record.getMessage()} ({shown})" if shown else record.getMessage(), None
        logging.getLogger().handle(line)


def put_fields_in_lines(environment: Mapping[str, str], modules: Collection[str] = sys.modules) -> None:
    """Show the fields of our log lines, if this is a worker without telemetry. Called again, it changes nothing."""
    logger = logging.getLogger(LOGGER)
    exports = environment.get(_EXPORTS, "").lower() == "true"
    is_worker = any(worker in modules for worker in _WORKERS)
    if exports or not is_worker or any(isinstance(handler, FieldsInLine) for handler in logger.handlers):
        return
    logger.addHandler(FieldsInLine())
    logger.propagate = False
