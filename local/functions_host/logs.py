"""The host's log: one line for each event, with the fields a function passed as `extra`."""

import logging
import time

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`time level [instance] sentence (field=value, ...)`, times in UTC, control characters made visible."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, instance: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)-7s [{instance}] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """The line, without a traceback."""
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        shown = f" ({', '.join(f'{name}={value}' for name, value in fields.items())})" if fields else ""
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in super().formatMessage(record) + shown)


def set_up_logging(instance: str) -> None:
    """Write everything from INFO on to standard error, but only warnings of the Azure SDKs, which log every request."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(instance))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("azure").setLevel(logging.WARNING)
