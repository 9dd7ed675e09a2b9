"""What a check looks at, and what it finds. Pure."""

from dataclasses import dataclass

from shared.pipeline.composition import Pipeline
from shared.vocabulary import CheckState


@dataclass(frozen=True, slots=True)
class CheckedApp:
    """The app as the checks see it."""

    pipeline: Pipeline
    settings_fault: str | None = None
    """Why the app would not start with its settings."""
    knows_settings: bool = True
    """Whether the pipeline has the app's own settings, and so its sign-in: a command may open storage alone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The end of one check: what was found, and what to do unless all is well."""

    state: CheckState
    found: str
    cure: str = ""


def well(found: str) -> Finding:
    """Nothing to do."""
    return Finding(CheckState.WELL, found)


def warning(found: str, cure: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(CheckState.WARNING, found, cure)


def broken(found: str, cure: str) -> Finding:
    """It does not work until somebody acts."""
    return Finding(CheckState.BROKEN, found, cure)


def cannot_be_told(found: str, cure: str) -> Finding:
    """Nobody knows."""
    return Finding(CheckState.CANNOT_BE_TOLD, found, cure)


ASK_THE_APP = (
    "Ask the app itself: its page Health, or 'python -m local doctor --app URL' with a function key in DEVICE_DROP_KEY."
)


def not_seen_from_here(what: str) -> Finding:
    """The finding where only storage was opened."""
    return cannot_be_told(f"{what} cannot be seen from here.", ASK_THE_APP)
