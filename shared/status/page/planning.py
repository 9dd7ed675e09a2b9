"""The page beside the check of a chosen file: which of its devices are registered already, and where."""

import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from shared.pipeline.intake.preview import destination_for
from shared.pipeline.intake.uploads import staged_version
from shared.pipeline.inventory.plan import Place, Plan, ended_since, plan
from shared.pipeline.inventory.reading import keep_fresh
from shared.status.authentication import PAGES, Person
from shared.status.http import Refusal
from shared.status.names import CustomerNames
from shared.status.page.answers import Visit
from shared.status.page.labels import PROFILE_FATES, PROFILE_SOURCES, place_headings, places_for
from shared.status.page.pages import DEVICES, DROP, PROFILES, Liveness, address, address_of_upload, of_every_page
from shared.status.page.rendering import rendered
from shared.status.profiles import profiles_read
from shared.status.queries import customer_names
from shared.status.registered_devices import READ_ANEW, inventory_view
from shared.status.schemas import ErrorCode, InventoryView
from shared.storage.blobs import VersionGone
from shared.storage.records import Upload

PLAN = "plan"
"""The parameter that names the number of the file."""

SECONDS_FOR_A_PLAN = 20.0
"""After this time a plan ends with the rows counted so far; App Service ends a request after 230."""

_SHOWN_FIRST = (Place.AT_OTHER_CUSTOMER, Place.IN_OTHER_BATCH, Place.CANNOT_BE_TOLD, Place.IN_THIS_BATCH, Place.NEW)


def plan_of(visit: Visit, upload: Upload, number: str) -> str:
    """The page of the plan of one file of an upload. Raises Refusal."""
    if number not in map(str, range(len(upload.files))):
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such file. Open the check again.")
    pipeline, file = visit.pipeline, upload.files[int(number)]
    version = staged_version(pipeline, upload, int(number))
    if version is None:
        raise Refusal(
            HTTPStatus.CONFLICT, ErrorCode.CONFLICT, "The file is not there, or is not whole. Open the check again."
        )
    reading = keep_fresh(pipeline, upload.customer_id)
    end = time.monotonic() + SECONDS_FOR_A_PLAN
    try:
        planned = plan(
            pipeline,
            partial(pipeline.staging.stream, version.path),
            name=file.name,
            customer_id=upload.customer_id,
            destination=destination_for(pipeline.settings, upload.customer_id, upload.batch_id, upload.order),
            is_late=lambda: time.monotonic() > end,
        )
    except VersionGone as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, READ_ANEW) from error
    return plan_page(
        planned,
        upload,
        file.name,
        inventory_view(reading),
        customer_names(pipeline),
        visit.person,
        profiles_sentence=profiles_read(pipeline, upload.customer_id) if planned.profiles else "",
        ended_since=ended_since(pipeline, upload.customer_id),
    )


def plan_page(
    planned: Plan,
    upload: Upload,
    name: str,
    reading: InventoryView,
    names: CustomerNames,
    person: Person,
    *,
    profiles_sentence: str = "",
    ended_since: str = "",
) -> str:
    """The page. Pure."""
    return rendered(
        "plan.html",
        of_every_page(person, place=DROP)
        | {
            "upload": upload,
            "name": name,
            "customer_name": names.name_of(upload.customer_id),
            "plan": planned,
            "places": _in_order(planned),
            "labels": places_for(upload.order),
            "headings": place_headings(upload.order),
            "fates": PROFILE_FATES,
            "sources": PROFILE_SOURCES,
            "other_customer": Place.AT_OTHER_CUSTOMER,
            "names": {
                one.where: names.name_of(one.where) or one.where
                for one in planned.shown.get(Place.AT_OTHER_CUSTOMER, ())
            },
            "reading": reading,
            "profiles_sentence": profiles_sentence,
            "ended_since": ended_since,
            "liveness": Liveness.OVER,
            "links": {
                "files": PAGES,
                "drop": DROP,
                "check": address_of_upload(upload.upload_id),
                "devices": address(DEVICES, customer=upload.customer_id),
                "profiles": address(PROFILES, customer=upload.customer_id),
            },
        },
    )


def _in_order(planned: Plan) -> Sequence[Place]:
    """The places of some row, those that need a look first."""
    return [place for place in _SHOWN_FIRST if planned.places.get(place)]
