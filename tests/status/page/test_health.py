"""The page of the app's health."""

import re

from shared.status.authentication import Person
from shared.status.page.health import health_page
from shared.status.roles import Role
from shared.status.schemas import CheckView, HealthView
from shared.vocabulary import CheckState
from tests.pipeline.world import START, World
from tests.status.client import Client


def check(name: str, state: CheckState, cure: str = "") -> CheckView:
    return CheckView(name=name, title=name.title(), state=state, found=f"<{name}>", cure=cure, seconds=0.1)


def test_what_is_broken_stands_first_with_its_cure() -> None:
    checks = [
        check("one", CheckState.WELL),
        check("two", CheckState.WARNING, "look"),
        check("three", CheckState.BROKEN, "mend & see"),
        check("four", CheckState.CANNOT_BE_TOLD, "wait"),
    ]
    found = HealthView(state=CheckState.BROKEN, checked_at=START, seconds=0.25, checks=checks)
    shown = health_page(found, Person(role=Role.MANAGE))
    assert re.findall(r'<th role="rowheader" scope="row">(\w+)</th>', shown) == ["Three", "Four", "Two", "One"]
    assert "<h1>Something is broken</h1>" in shown
    assert "&lt;three&gt;" in shown
    assert "mend &amp; see" in shown
    assert "4 checks, done" in shown


def test_only_people_who_manage_see_the_page_and_its_place(client: Client, world: World) -> None:
    answer = client.get("/api/status/health")
    assert answer.status == 200
    assert '<a href="/api/status/health" aria-current=page>Health</a>' in answer.body.decode()
    found = HealthView(state=CheckState.WELL, checked_at=world.clock(), seconds=0.0, checks=[])
    assert "Health</a>" not in health_page(found, Person(role=Role.SEND))
