"""No value of any parameter of any route is answered with 500."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import urlencode

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.partner_center import Behaviour, StandIn
from shared.status import router
from shared.status.page import dropping, form_parameters, pages
from shared.status.parameters import DevicesQuery, FilesQuery, OutcomesQuery
from shared.status.routes import ROUTES, Route, route_named
from shared.vocabulary import FileState, Outcome
from tests.examples import examples
from tests.pipeline.world import CUSTOMER, Clock, World, numbered

HOST = "127.0.0.1:7071"
SOMEBODY = "11111111-2222-4333-8444-555555555555"

TIMES = [
    *("0001-01-01", "0001-01-02", "9999-12-31", "9999-12-30", "1969-12-31", "1970-01-01", "2026-02-29", "2026-11-20"),
    *("0000-00-00", "20261120", "2026-W47-5", "-2026-11-20", "10000-01-01", "2026-11-20T00:00:00", "today"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-11-20T12:00:00Z", "2026-11-20T24:00:00Z"),
    *("2026-11-20T12:00:00 01:00", "2026-11-20T12:00:00.123456789Z", "2016-12-31T23:59:60Z"),
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "50",
    "500",
    "501",
    "1000",
    "1001",
    "1e3",
    "1.0",
    "0x10",
    "9" * 30,
    "nan",
    "inf",
    "\u0663",
    "+5",
]
TEXTS = [
    *(
        "",
        " ",
        "_",
        "a",
        "\x00",
        "\n",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ufffe",
        "\ud800",
        "'",
        "''",
        "%00",
        "%2F",
        "/",
    ),
    *("../..", "a" * 500, "\U0001f600" * 300, "x" * 5_000, "~", "!", "#", "?", "<script>", "' or 1 eq 1", CUSTOMER),
    *(*FileState, *Outcome, "SN-00001", "sn-00001 "),
]


def _cursor(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


CURSORS = [
    *("a", "=", "*", "AAAA", _cursor("files"), _cursor("rows", -1), _cursor("rows", 0), _cursor("rows", 2**63)),
    *(_cursor("rows", 10**30), _cursor("files", "0000000~0000-00-00", "0" * 14 + "~"), _cursor("devices", "x" * 36, 1)),
    *(
        _cursor("files", "9999999~9999-99-99", "9" * 14 + "~" + "f" * 36),
        _cursor("devices", "-" * 36, 2**62),
        _cursor(),
    ),
    *(_cursor("devices", SOMEBODY, 10**30), _cursor("rows", True), _cursor("rows", 1.0), _cursor("rows", None)),
]
VALUES = st.sampled_from([*TIMES, *NUMBERS, *TEXTS, *CURSORS]) | st.text(max_size=30)

FORM_FIELDS = [
    *(form_parameters.CUSTOMER, form_parameters.STATE, form_parameters.RECEIVED_FROM, form_parameters.RECEIVED_TO),
    *(form_parameters.LIMIT, form_parameters.OUTCOME, form_parameters.REASON, form_parameters.SERIAL, "done"),
    *(form_parameters.SEARCH, pages.MADE, dropping.UPLOAD, dropping.REJECTED),
]
PARAMETERS = sorted(
    {*FORM_FIELDS, *(name for kind in (FilesQuery, OutcomesQuery, DevicesQuery) for name in kind.__struct_fields__)}
)
"""Every query parameter that any route takes."""

LISTS = [
    route_named(name)
    for name in (
        *("list_files", "list_outcomes", "find_device", "list_acts", "list_customers"),
        *("page_of_all_files", "page_of_file", "page_of_acts", "page_of_customers", "page_drop"),
    )
]
"""The routes that take parameters; the others refuse or ignore all of them alike."""

QUERIES = st.dictionaries(st.sampled_from([*PARAMETERS, "code", "x", ""]), VALUES, max_size=3)


@pytest.fixture(scope="module")
def served_world() -> Iterator[World]:
    """A world with a closed file, a rejected one and an open one."""
    clock = Clock()
    with StandIn(Behaviour(delay=60), clock=clock.seconds) as service:
        world = World(service, clock)
        world.drop_file(numbered(3))
        world.run()
        world.drop_file("no device file", f"{CUSTOMER}/Test/letter.csv")
        world.drop_file(numbered(2, "OPEN-"), f"{CUSTOMER}/Test/open.csv")
        yield world


def _placeholders(route: Route) -> list[str]:
    return re.findall(r"{\*?(\w+)}", route.template)


def _request(method: str, route: Route, values: dict[str, str], query: dict[str, str], body: bytes) -> func.HttpRequest:
    url = f"http://{HOST}/api/{route.template}?{urlencode(query, errors='surrogatepass')}"
    headers = {"Host": HOST, "Content-Type": "application/x-www-form-urlencoded"}
    return func.HttpRequest(method, url, headers=headers, params=query, route_params=values, body=body)


def _status(world: World, method: str, route: Route, values: dict[str, str], query: dict[str, str], body: bytes) -> int:
    request = _request(method, route, values, query, body)
    return int(router.answer(route, lambda: world.pipeline, request).status_code)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@given(data=st.data())
@settings(max_examples=examples(90), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_a_parameter_is_a_fault_of_the_app(route: Route, served_world: World, data: st.DataObject) -> None:
    known = [version.path for version in served_world.drop.versions()]
    assert known
    files = [mention.file_id for _, mention in served_world.journal.files.final()]
    values = {
        name: data.draw(st.sampled_from([CUSTOMER, "_", *files, *TEXTS]) | st.text(max_size=20), label=name)
        for name in _placeholders(route)
    }
    method = data.draw(st.sampled_from([*(route.methods or ("GET", "PUT"))]), label="method")
    query = data.draw(QUERIES, label="query")
    body = data.draw(st.binary(max_size=40) | st.sampled_from([b"", b"{}", b"null", b'{"name": 1}', b"name=x"]))
    assert _status(served_world, method, route, values, query, body) != 500


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
def test_no_boundary_value_of_a_query_parameter_is_a_fault_of_the_app(
    route: Route, name: str, served_world: World
) -> None:
    (_, closed), *_ = [found for found in served_world.journal.files.final() if found[1].state is FileState.CLOSED]
    known = {"customer_id": CUSTOMER, "file_id": closed.file_id, "serial": "SN-00001", "name": "page.css", "path": "x"}
    values = {placeholder: known[placeholder] for placeholder in _placeholders(route)}
    for value in [*TIMES, *NUMBERS, *TEXTS, *CURSORS]:
        assert _status(served_world, "GET", route, values, {name: value}, b"") != 500, value
