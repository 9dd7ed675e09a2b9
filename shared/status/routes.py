"""Every address below `api/`: the table from which function_app registers its HTTP functions.

The OpenAPI document and the answers 404 and 405 are made from the same table. The Functions host tries templates in the
order of the functions' names. No two templates fit the same request, so that order means nothing; CATCH_ALL alone fits
every request, and its name puts it last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from shared.status.roles import Role

READ = ("GET", "HEAD")
PAGE = ("GET",)
CHANGE = ("POST",)
ANY_METHOD = ()


class Access(Enum):
    """Who may call a route."""

    KEY = auto()
    """Scripts with a function key, which the Functions host checks."""
    SIGN_IN = auto()
    """People who signed in with App Service authentication. The router sends everybody else to the sign-in."""
    OPEN = auto()
    """Everybody: the answer holds nothing about any file."""


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function of the app. The router has its handler under the same name."""

    name: str
    template: str
    methods: Sequence[str]
    access: Access
    role: Role = Role.SEE
    """The role that a person needs, where the access is a person's."""


_FILE = "files/{customer_id}/{file_id}"
_PAGE_OF_FILE = "status/{customer_id}/{file_id}"

HEALTH_PAGE = Route("page_of_health", "status/health", PAGE, Access.SIGN_IN, Role.MANAGE)

CATCH_ALL = Route("zz_unknown_address", "{*path}", ANY_METHOD, Access.OPEN)

ROUTES = (
    Route("list_files", "files", READ, Access.KEY),
    Route("read_file", _FILE, READ, Access.KEY),
    Route("list_outcomes", f"{_FILE}/outcomes", READ, Access.KEY),
    Route("download_results", f"{_FILE}/results.csv", READ, Access.KEY),
    Route("download_results_workbook", f"{_FILE}/results.xlsx", READ, Access.KEY),
    Route("download_to_fix", f"{_FILE}/to_fix.csv", READ, Access.KEY),
    Route("download_to_fix_workbook", f"{_FILE}/to_fix.xlsx", READ, Access.KEY),
    Route("download_withdrawals", f"{_FILE}/withdrawals.csv", READ, Access.KEY),
    Route("download_report", f"{_FILE}/report.html", READ, Access.KEY),
    Route("retry_file", f"{_FILE}/retry", CHANGE, Access.KEY),
    Route("withdraw_file", f"{_FILE}/withdraw", CHANGE, Access.KEY),
    Route("assign_profile", f"{_FILE}/profile", CHANGE, Access.KEY),
    Route("hold_file", f"{_FILE}/hold", CHANGE, Access.KEY),
    Route("go_on_with_file", f"{_FILE}/go_on", CHANGE, Access.KEY),
    Route("stop_file", f"{_FILE}/stop", CHANGE, Access.KEY),
    Route("hold_customer", "customers/{customer_id}/hold", CHANGE, Access.KEY),
    Route("go_on_with_customer", "customers/{customer_id}/go_on", CHANGE, Access.KEY),
    Route("list_registered_devices", "customers/{customer_id}/devices", READ, Access.KEY),
    Route("read_devices_anew", "customers/{customer_id}/devices/read", CHANGE, Access.KEY),
    Route("download_registered_devices", "customers/{customer_id}/devices.csv", READ, Access.KEY),
    Route("download_device_file", "customers/{customer_id}/device_file.csv", READ, Access.KEY),
    Route("list_profiles", "customers/{customer_id}/profiles", READ, Access.KEY),
    Route("hold_everything", "hold", CHANGE, Access.KEY),
    Route("go_on_with_everything", "go_on", CHANGE, Access.KEY),
    # The serial number is in the query: the host exports paths whole to Application Insights, but queries redacted.
    # And an escaped slash in a path does not arrive as what it stands for.
    Route("find_device", "devices/{customer_id}", READ, Access.KEY),
    Route("list_acts", "acts", READ, Access.KEY),
    Route("list_customers", "customers", READ, Access.KEY),
    Route("check_health", "health", READ, Access.KEY),
    Route("show_openapi", "openapi.json", READ, Access.KEY),
    Route("page_of_all_files", "status", PAGE, Access.SIGN_IN),
    Route("page_of_acts", "status/acts", PAGE, Access.SIGN_IN),
    Route("page_of_customers", "status/customers", PAGE, Access.SIGN_IN),
    Route("page_change_customer", "status/customers", CHANGE, Access.SIGN_IN, Role.MANAGE),
    # Its downloads are at status/devices?as=csv, for the reason below.
    Route("page_of_devices", "status/devices", PAGE, Access.SIGN_IN),
    Route("page_read_devices_anew", "status/devices", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_of_profiles", "status/profiles", PAGE, Access.SIGN_IN),
    Route("page_set_profile", "status/profiles", CHANGE, Access.SIGN_IN, Role.MANAGE),
    HEALTH_PAGE,
    # The check of chosen files is at status/drop?upload=ID: an address with three parts is the page of a file.
    Route("page_drop", "status/drop", PAGE, Access.SIGN_IN, Role.SEND),
    Route("page_choose_files", "status/drop", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_begin_upload", "status/drop/uploads", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_send_files", "status/drop/send", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_discard_files", "status/drop/discard", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_of_file", _PAGE_OF_FILE, PAGE, Access.SIGN_IN),
    Route("page_results", f"{_PAGE_OF_FILE}/results.csv", PAGE, Access.SIGN_IN),
    Route("page_results_workbook", f"{_PAGE_OF_FILE}/results.xlsx", PAGE, Access.SIGN_IN),
    Route("page_to_fix", f"{_PAGE_OF_FILE}/to_fix.csv", PAGE, Access.SIGN_IN),
    Route("page_to_fix_workbook", f"{_PAGE_OF_FILE}/to_fix.xlsx", PAGE, Access.SIGN_IN),
    Route("page_withdrawals", f"{_PAGE_OF_FILE}/withdrawals.csv", PAGE, Access.SIGN_IN),
    Route("page_report", f"{_PAGE_OF_FILE}/report.html", PAGE, Access.SIGN_IN),
    Route("page_assign", f"{_PAGE_OF_FILE}/assign", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_assign_profile", f"{_PAGE_OF_FILE}/profile", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_fix", f"{_PAGE_OF_FILE}/fix", PAGE, Access.SIGN_IN, Role.SEND),
    Route("page_send_fixed", f"{_PAGE_OF_FILE}/fix", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_hold", f"{_PAGE_OF_FILE}/hold", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_go_on", f"{_PAGE_OF_FILE}/go_on", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_stop", f"{_PAGE_OF_FILE}/stop", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_retry", f"{_PAGE_OF_FILE}/retry", CHANGE, Access.SIGN_IN, Role.SEND),
    Route("page_withdraw_confirmation", f"{_PAGE_OF_FILE}/withdraw", PAGE, Access.SIGN_IN, Role.MANAGE),
    Route("page_withdraw", f"{_PAGE_OF_FILE}/withdraw", CHANGE, Access.SIGN_IN, Role.MANAGE),
    Route("page_template", "templates/{name}", PAGE, Access.OPEN),
    Route("page_static_file", "static/{name}", PAGE, Access.OPEN),
    CATCH_ALL,
)


def route_named(name: str) -> Route:
    """The route of the function `name`."""
    return next(route for route in ROUTES if route.name == name)


def allowed_methods(path: str) -> Sequence[str]:
    """The methods that the address `path` (below `api/`) takes; none when the app has no such address."""
    parts = path.strip("/").split("/")
    fitting = [route for route in ROUTES if route is not CATCH_ALL and _fits(route.template.split("/"), parts)]
    return [method for route in fitting for method in route.methods]


def _fits(template: Sequence[str], parts: Sequence[str]) -> bool:
    if template[-1].startswith("{*"):
        return len(parts) >= len(template) and _fits(template[:-1], parts[: len(template) - 1])
    return len(template) == len(parts) and all(
        part and (expected.startswith("{") or expected.lower() == part.lower())
        for expected, part in zip(template, parts, strict=True)
    )
