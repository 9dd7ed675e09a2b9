"""Calls the handler of each route, and shows faults as JSON to scripts and as a page to people.

function_app imports this module, and with it all code that answers HTTP, at the first request.
"""

from collections.abc import Callable, Mapping
from functools import partial

import azure.functions as func

from shared.status import handlers
from shared.status.authentication import person_of, refuse_without
from shared.status.health import app_to_check
from shared.status.http import OpenPipeline, answered, surroundings
from shared.status.page import assigning, dropping, fixing, health, holding, profiles, registered
from shared.status.page import customers as customers_page
from shared.status.page import handlers as page_handlers
from shared.status.page.answers import Visit
from shared.status.page.handlers import fault_page
from shared.status.routes import CATCH_ALL, HEALTH_PAGE, Access, Route

Handler = Callable[[OpenPipeline, func.HttpRequest], func.HttpResponse]
PageHandler = Callable[[Visit], func.HttpResponse]

HANDLERS: Mapping[str, Handler] = {
    "list_files": handlers.list_files,
    "read_file": handlers.read_file,
    "list_outcomes": handlers.list_outcomes,
    "download_results": handlers.download_results,
    "download_results_workbook": handlers.download_results_workbook,
    "download_to_fix": handlers.download_to_fix,
    "download_to_fix_workbook": handlers.download_to_fix_workbook,
    "download_withdrawals": handlers.download_withdrawals,
    "download_report": handlers.download_report,
    "retry_file": handlers.retry_file,
    "withdraw_file": handlers.withdraw_file,
    "assign_profile": handlers.assign_profile_to_file,
    "hold_file": handlers.hold_file,
    "go_on_with_file": handlers.go_on_with_file,
    "stop_file": handlers.stop_file,
    "hold_customer": handlers.hold_customer,
    "go_on_with_customer": handlers.go_on_with_customer,
    "hold_everything": handlers.hold_everything,
    "go_on_with_everything": handlers.go_on_with_everything,
    "find_device": handlers.find_device,
    "list_profiles": handlers.list_profiles,
    "list_registered_devices": handlers.list_registered_devices,
    "read_devices_anew": handlers.read_devices_anew,
    "download_registered_devices": handlers.download_registered_devices,
    "download_device_file": handlers.download_device_file,
    "list_acts": handlers.list_acts,
    "list_customers": handlers.list_customers,
    "check_health": handlers.check_health,
    "show_openapi": handlers.show_openapi,
    "page_template": dropping.download_template,
    "page_static_file": page_handlers.serve_static,
    CATCH_ALL.name: handlers.refuse_address,
}

PAGE_HANDLERS: Mapping[str, PageHandler] = {
    "page_of_all_files": page_handlers.show_files,
    "page_of_acts": page_handlers.show_acts,
    "page_of_customers": customers_page.show_customers,
    "page_change_customer": customers_page.change_customer,
    "page_of_devices": registered.show_devices,
    "page_of_profiles": profiles.show_profiles,
    "page_set_profile": profiles.set_profile,
    "page_read_devices_anew": registered.read_devices_anew,
    "page_of_health": health.show_health,
    "page_drop": dropping.show_drop,
    "page_choose_files": dropping.choose_files,
    "page_begin_upload": dropping.begin_upload,
    "page_send_files": dropping.send_files,
    "page_discard_files": dropping.discard_files,
    "page_of_file": page_handlers.show_file,
    "page_results": page_handlers.download_results,
    "page_results_workbook": page_handlers.download_results_workbook,
    "page_to_fix": page_handlers.download_to_fix,
    "page_to_fix_workbook": page_handlers.download_to_fix_workbook,
    "page_withdrawals": page_handlers.download_withdrawals,
    "page_report": page_handlers.download_report,
    "page_assign": assigning.assign_file,
    "page_assign_profile": assigning.assign_profile_to_file,
    "page_fix": fixing.show_rows,
    "page_send_fixed": fixing.send_rows,
    "page_hold": holding.hold_file,
    "page_go_on": holding.go_on_with_file,
    "page_stop": holding.stop_file,
    "page_retry": page_handlers.retry_file,
    "page_withdraw_confirmation": page_handlers.confirm_withdrawal,
    "page_withdraw": page_handlers.withdraw_file,
}
"""Called only for a person who may see the page."""


def answer(route: Route, pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """The answer to `request` by the handler of `route`."""
    if route.access is Access.SIGN_IN:
        visit = partial(_visit, route, pipeline, request)
        return answered(request, visit, partial(fault_page, request))
    return answered(request, partial(HANDLERS[route.name], pipeline, request))


def _visit(route: Route, pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    person = person_of(request, surroundings())
    refuse_without(route.role, person)
    # The health of an app that cannot use its storage is what its page is for.
    opened = app_to_check(pipeline).pipeline if route is HEALTH_PAGE else pipeline()
    return PAGE_HANDLERS[route.name](Visit(opened, request, person))
