"""The health of the app as people and scripts see it."""

import os
from collections.abc import Sequence

from azure.core.exceptions import AzureError

from shared.pipeline.composition import Pipeline, compose
from shared.pipeline.health.checks import CheckResult, check_health, worst_of
from shared.pipeline.health.finding import CheckedApp
from shared.settings import settings_from
from shared.status.http import OpenPipeline
from shared.status.schemas import CheckView, HealthView


def app_to_check(pipeline: OpenPipeline) -> CheckedApp:
    """The app, even where it cannot make its tables and containers: the checks say what it lacks."""
    try:
        return CheckedApp(pipeline())
    except AzureError:
        return CheckedApp(_unprepared())


def _unprepared() -> Pipeline:
    return compose(settings_from(os.environ))


def health(app: CheckedApp) -> HealthView:
    """Do all checks now."""
    results = check_health(app)
    return HealthView(
        state=worst_of(results),
        checked_at=app.pipeline.clock(),
        seconds=round(max(result.seconds for result in results), 2),
        checks=check_views(results),
    )


def check_views(results: Sequence[CheckResult]) -> list[CheckView]:
    """The results of checks, in their order."""
    return [
        CheckView(
            name=result.name,
            title=result.title,
            state=result.finding.state,
            found=result.finding.found,
            cure=result.finding.cure,
            seconds=round(result.seconds, 2),
        )
        for result in results
    ]
