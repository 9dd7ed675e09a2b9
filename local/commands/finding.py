"""Finds a device file by its id, or by the beginning of the id as people copy it from a list."""

from collections.abc import Iterator
from contextlib import suppress

from local.commands.ending import CommandEnded, ExitCode
from shared.pipeline.composition import Pipeline
from shared.pipeline.customer_names import similar_customers
from shared.status.queries import NotFound
from shared.storage.customers import is_guid
from shared.storage.record_table import Stored, log_unreadable
from shared.storage.records import DeviceFile, FileListing, FileMention

SHORTEST_BEGINNING = 4
"""The fewest characters of an id that a person may give."""


def find_file(pipeline: Pipeline, beginning: str) -> DeviceFile:
    """The one file whose id starts with `beginning`.

    Raises:
        NotFound: there is no such file.
        CommandEnded: several files match, or the beginning is too short.
    """
    beginning = beginning.strip().lower()
    refuse_short(beginning)
    found: dict[str, str | None] = {}
    for each in _known(pipeline):
        customer_id, file_id = each.customer_id, each.file_id
        if file_id.startswith(beginning):
            found[file_id] = customer_id
            if is_guid(beginning):
                break
    if len(found) > 1:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, f"Several file ids start with {beginning}: {', '.join(found)}.")
    for file_id, customer_id in found.items():
        stored: Stored[DeviceFile] | None = pipeline.journal.files.get(customer_id, file_id)
        if stored is not None:
            return stored.record
    raise NotFound(
        f"There is no file {beginning}: the id is mistyped, or the file is past its retention. "
        "'python -m local status' lists the existing files."
    )


def refuse_short(beginning: str) -> None:
    """Refuse a beginning that many ids have.

    Raises:
        CommandEnded: it is too short.
    """
    if len(beginning.strip()) < SHORTEST_BEGINNING:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, f"Give at least {SHORTEST_BEGINNING} characters of the file's id.")


def find_file_by_any_name(pipeline: Pipeline, text: str) -> DeviceFile | None:
    """The file whose id starts with `text`, or else the newest file of that name; None when there is neither.

    Raises:
        CommandEnded: several ids start with it.
    """
    with suppress(NotFound):
        if len(text.strip()) >= SHORTEST_BEGINNING:
            return find_file(pipeline, text)
    wanted = text.strip().casefold()
    named = next((each for each in _known(pipeline) if each.name.casefold() == wanted), None)
    stored = None if named is None else pipeline.journal.files.get(named.customer_id, named.file_id)
    return None if stored is None else stored.record


def _known(pipeline: Pipeline) -> Iterator[FileMention | FileListing]:
    """Every known file, open ones first, then newest first."""
    yield from pipeline.journal.files.still_open(log_unreadable)
    for _, listing in pipeline.journal.files.final(unreadable=log_unreadable):
        yield listing


def customer_of(pipeline: Pipeline, name: str) -> str:
    """The customer id that a GUID or a name stands for.

    Raises:
        CommandEnded: no customer has that name.
    """
    if is_guid(name):
        return name.lower()
    known = pipeline.customers.named(name)
    if known is not None and known.removed_at is not None:
        raise CommandEnded(
            ExitCode.NOT_FOUND,
            f"The name {known.name!r} was removed on {known.removed_at:%Y-%m-%d}. Give the GUID of the customer's "
            "tenant; or bring the name back with 'python -m local customers add NAME GUID'.",
        )
    if known is None:
        meant = " ".join(
            filter(None, (f"There is no customer named {name!r}.", similar_customers(pipeline, name).sentence))
        )
        raise CommandEnded(
            ExitCode.NOT_FOUND,
            f"{meant} 'python -m local customers list' lists the names; or give the GUID of the customer's tenant.",
        )
    return known.customer_id
