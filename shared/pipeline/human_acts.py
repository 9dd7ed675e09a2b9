"""Keeps what people and scripts ask the app to do: who asked for which change, and when."""

from dataclasses import dataclass

from shared.pipeline.composition import Pipeline
from shared.storage.records import Act, DeviceFile
from shared.vocabulary import ActKind


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a change. `person_id` is the object id of a person in Entra, where people sign in."""

    name: str
    person_id: str = ""


SCRIPT = Asker("a script with a function key")
COMMAND = Asker("the command line")
UNSIGNED = Asker("somebody at the page, without sign-in")
"""The page on a developer's machine."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The file or customer that a change is about."""

    name: str
    customer_id: str | None = None
    file_id: str | None = None


def subject_of(file: DeviceFile) -> Subject:
    """A file as the subject of a change."""
    return Subject(file.name, file.customer_id, file.file_id)


def subject_of_customer(pipeline: Pipeline, customer_id: str) -> Subject:
    """A customer as the subject of a change, by its first name in use, or by its id."""
    names = (known.name for known in pipeline.customers.all() if known.customer_id == customer_id)
    return Subject(next(names, customer_id), customer_id)


def note_act(pipeline: Pipeline, asker: Asker, kind: ActKind, subject: Subject, detail: str = "") -> None:
    """Keep the act. Call it before the change, so that no change stands without its act."""
    pipeline.journal.acts.note(
        Act(
            act_id=pipeline.new_id(),
            asked_at=pipeline.clock(),
            kind=kind,
            who=asker.name,
            person_id=asker.person_id,
            subject=subject.name,
            customer_id=subject.customer_id,
            file_id=subject.file_id,
            detail=detail,
        )
    )
