"""Where a host shows lines alone, the fields of our log lines stand in them."""

import logging
from collections.abc import Iterator

import pytest

from shared.log_lines import LOGGER, put_fields_in_lines

WORKER = {"azure_functions_worker"}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    logger = logging.getLogger(LOGGER)
    handlers, propagates = list(logger.handlers), logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagates


def _logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        logger = logging.getLogger("shared.pipeline.sweep")
        logger.warning("The %s is done", "sweep", extra={"file_id": "f-1", "code": None})
        logger.warning("Nothing more to say")
        logging.getLogger("another").warning("Another's", extra={"file_id": "f-2"})
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("worker", ["azure_functions_worker", "azure_functions_runtime"])
def test_a_worker_without_telemetry_shows_the_fields_once(caplog: pytest.LogCaptureFixture, worker: str) -> None:
    put_fields_in_lines({}, {worker})
    put_fields_in_lines({}, {worker})
    assert _logged(caplog) == ["The sweep is done (file_id=f-1)", "Nothing more to say", "Another's"]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(
    ("environment", "modules"),
    [({"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true"}, WORKER), ({}, {"local.functions_host"})],
)
def test_where_telemetry_or_the_local_host_shows_the_fields_a_line_is_its_sentence(
    caplog: pytest.LogCaptureFixture, environment: dict[str, str], modules: set[str]
) -> None:
    put_fields_in_lines(environment, modules)
    assert _logged(caplog)[0] == "The sweep is done"


def test_an_exception_goes_on_with_its_line(caplog: pytest.LogCaptureFixture) -> None:
    put_fields_in_lines({}, WORKER)
    error = ValueError("lost")
    logging.getLogger("shared.failures").error("A function failed", exc_info=error, extra={"function": "sweep"})
    [record] = caplog.records
    assert record.getMessage() == "A function failed (function=sweep)"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
