"""The page of the app's health: thirteen checks, done while the page is made, each with what to do."""

import azure.functions as func

from shared.pipeline.health.finding import CheckedApp
from shared.status.authentication import PAGES, Person
from shared.status.health import health
from shared.status.page.answers import Visit, page_answer
from shared.status.page.pages import HEALTH, of_every_page
from shared.status.page.rendering import rendered
from shared.status.schemas import CheckView, HealthView
from shared.vocabulary import CheckState, counted

_HEADLINES = {
    CheckState.WELL: "Everything is well",
    CheckState.WARNING: "Everything works, and something needs a look",
    CheckState.BROKEN: "Something is broken",
    CheckState.CANNOT_BE_TOLD: "Something cannot be told",
}


def show_health(visit: Visit) -> func.HttpResponse:
    """GET status/health."""
    return page_answer(health_page(health(CheckedApp(visit.pipeline)), visit.person), visit.request)


def health_page(found: HealthView, person: Person) -> str:
    """The page of these checks, those that need somebody first. Pure."""
    return rendered(
        "health.html",
        of_every_page(person, place=HEALTH)
        | {
            "found": found,
            "headline": _HEADLINES[found.state],
            "checks": sorted(found.checks, key=_urgency),
            "number": counted(len(found.checks), "check"),
            "links": {"files": PAGES, "health": HEALTH},
        },
    )


def _urgency(check: CheckView) -> int:
    """Broken checks first; equal ones stay in their order."""
    order = (CheckState.BROKEN, CheckState.CANNOT_BE_TOLD, CheckState.WARNING, CheckState.WELL)
    return order.index(check.state)
