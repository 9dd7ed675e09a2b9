"""The page of the registered devices of a customer, its downloads, and the form that has them read anew."""

import azure.functions as func

from shared.status.authentication import PAGES, Person, refuse_all_but_own_page
from shared.status.http import CURSOR, body_of
from shared.status.page import form_parameters
from shared.status.page.answers import Visit, page_answer, redirect
from shared.status.page.labels import DRIFT
from shared.status.page.pages import CUSTOMERS, DEVICES, Liveness, address, of_every_page
from shared.status.page.rendering import rendered
from shared.status.queries import customer_names
from shared.status.registered_devices import ask, not_watched, registered_devices
from shared.status.registered_downloads import devices_csv_answer
from shared.status.schemas import RegisteredDevicePage, Standstill
from shared.status.standstills import standstills_of_customer

AS = "as"
CSV, DEVICE_FILE = "csv", "device_file"
"""The values of the parameter `as`: what is downloaded in place of the page."""

_NO_CUSTOMER = "Say whose devices to show: open them from the page Customers."


def show_devices(visit: Visit) -> func.HttpResponse:
    """GET status/devices: the devices of a customer, or a download of them."""
    fields = visit.request.params
    customer_id = form_parameters.customer_of_page(fields, _NO_CUSTOMER)
    batch = form_parameters.field(fields, form_parameters.BATCH)
    if (wanted := fields.get(AS, "")) in (CSV, DEVICE_FILE):
        as_device_file = wanted == DEVICE_FILE
        return devices_csv_answer(
            visit.pipeline, customer_id, batch or None, visit.request, as_device_file=as_device_file
        )
    cursor = form_parameters.cursor(fields)
    found = registered_devices(visit.pipeline, customer_id, batch or None, cursor or None)
    stopped = standstills_of_customer(visit.pipeline, customer_names(visit.pipeline), customer_id)
    content = devices_page(found, visit.person, batch=batch, stopped=stopped, is_later_page=bool(cursor))
    return page_answer(content, visit.request)


def read_devices_anew(visit: Visit) -> func.HttpResponse:
    """POST status/devices: have the devices of a customer read anew."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)  # refuses a body that the form cannot be read from
    customer_id = form_parameters.customer_of_page(visit.request.form, _NO_CUSTOMER)
    ask(visit.pipeline, customer_id)
    return redirect(address(DEVICES, customer=customer_id))


def devices_page(
    found: RegisteredDevicePage,
    person: Person,
    *,
    batch: str = "",
    stopped: list[Standstill] | None = None,
    is_later_page: bool = False,
) -> str:
    """The page. Pure."""
    own = {"customer": found.customer_id, "batch": batch}
    is_listing = found.profile_names is not None and found.profile_names.is_in_progress
    return rendered(
        "devices.html",
        of_every_page(person, stopped or ())
        | {
            "found": found,
            "batch": batch,
            "drift_labels": DRIFT,
            "not_watched": not_watched(found),
            "liveness": Liveness.WORK if is_listing or found.reading.is_in_progress else Liveness.OVER,
            "next": address(DEVICES, **own, **{CURSOR: found.next}) if found.next else None,
            "links": {
                "files": PAGES,
                "customers": address(CUSTOMERS, customer=found.customer_id),
                "devices": DEVICES,
                "own": address(DEVICES, **own),
                "all": address(DEVICES, customer=found.customer_id),
                "csv": address(DEVICES, **own, **{AS: CSV}),
                "device_file": address(DEVICES, **own, **{AS: DEVICE_FILE}),
                "first": address(DEVICES, **own) if is_later_page else None,
                "batches": {
                    each.batch_id: address(DEVICES, customer=found.customer_id, batch=each.batch_id)
                    for each in found.batches
                },
            },
        },
    )
