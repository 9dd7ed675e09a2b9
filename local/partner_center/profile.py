"""What a service was found to do, as conformance.json keeps it, and the stand-in that does the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import msgspec

from local.partner_center.behaviour import WELL_BEHAVED, Behaviour
from local.partner_center.devices import MOST_DEVICES

FILE = Path("conformance.json")

_SECRET = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|T0[A-Za-z0-9+/]{60,}=*|eyJ[\w-]{20,}[\w.-]*", re.IGNORECASE
)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer that was no acceptance, in the service's own words."""

    status: int
    code: str = ""
    text: str = ""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a service was found to do. None: it was not asked, or gave no usable answer."""

    made_at: str = ""
    sign_in: str = ""
    """As whom it was asked: `app`, `app_user` or `token`."""
    create_batch: int | None = None
    """The status of the first creation of a batch, which shows whether this sign-in may create one."""
    create_existing_batch: int | None = None
    append_to_missing_batch: int | None = None
    largest_upload: int | None = None
    largest_upload_bytes: int | None = None
    too_large_upload: int | None = None
    """Devices of the smallest upload that was refused."""
    known_device: str | None = None
    """The error of a device that the customer has already, sent to a second batch; empty if it counts as registered."""
    duplicate_device: str | None = None
    failed_device_again: int | None = None
    """The status of an upload that sends a refused device to the same batch again."""
    statuses_as_sent: bool | None = None
    repeated_request_id: bool | None = None
    """Whether the repeat of a request was answered with the first one's tracking id."""
    request_id_remembered_seconds: float | None = None
    """The longest wait after which a repeat was still recognised."""
    request_id_forgotten_seconds: float | None = None
    request_id_of_another_body: int | None = None
    batch_names: dict[str, int] = {}
    """The status for each kind of name."""
    location: str | None = None
    headers: tuple[str, ...] = ()
    """The names of the headers of an accepted upload."""
    seconds_to_verdict: float | None = None
    tracking_id_seconds: float | None = None
    """For how long, at least, a finished upload is still answered."""
    requests_until_throttled: int | None = None
    throttling_headers: dict[str, str] = {}
    read_policies: int | None = None
    """The status of the list of a customer's configuration policies."""
    policies_differ: tuple[str, ...] | None = None
    """How the policies differ from the page; None when the customer has none."""
    policy_counts: tuple[str, ...] | None = None
    """The names of the fields that count the devices of a policy."""
    assign_policy: int | None = None
    """The status of the assignment of a policy to a device."""
    assigned_policy: str | None = None
    """The error of a device that is given a policy; empty if it gets it."""
    assignment_names_device: bool | None = None
    """Whether the status of an assignment names the device by its id."""
    assigned_policy_is_listed: bool | None = None
    """Whether a device lists the policy that it was given, once the assignment has ended."""
    unknown_policy: str | None = None
    """The error of an assignment of a policy that does not exist; the status of a refusal."""
    unknown_device: str | None = None
    """The error of an assignment to a device that does not exist; the status of a refusal."""
    read_audit_records: int | None = None
    """The status of the list of audit records."""
    audit_records_too_old: int | None = None
    """The status of a list that begins before the records that are kept."""
    audit_records_differ: tuple[str, ...] | None = None
    """How the records differ from the page; None when there was none."""
    audit_records_of_customer: bool | None = None
    """Whether all records are of the customer that the filter asks for."""
    audit_details: dict[str, tuple[str, ...]] = {}
    """The names in `customizedData` by operation of this run."""
    unrecorded: tuple[str, ...] | None = None
    """The operations of this run that no record tells of; None when it changed nothing."""
    seconds_to_audit_records: float | None = None
    """From the last change until the records told of all."""
    refusals: dict[str, Refusal] = {}
    """By case."""


def without_secrets(text: str, serials: Sequence[str] = ()) -> str:
    """`text` without ids, hashes, tokens and the serial numbers of the devices that were sent."""
    for serial in filter(None, serials):
        text = text.replace(serial, "{serial}")
    return _SECRET.sub("{id}", text)


def location_form(location: str, customer: str) -> str:
    """The form of a link to an upload: the customer and the tracking id as placeholders."""
    with_customer = re.sub(re.escape(customer), "{customer}", location, flags=re.IGNORECASE)
    return _SECRET.sub("{tracking_id}", with_customer)


def behaviour_of(profile: Profile, base: Behaviour = WELL_BEHAVED) -> Behaviour:
    """`base`, doing what the profile says; what it leaves open stays as it was."""
    existing, missing = profile.create_existing_batch, profile.append_to_missing_batch
    return replace(
        base,
        existing_batch_status=base.existing_batch_status if existing is None else HTTPStatus(existing),
        append_makes_batch=base.append_makes_batch if missing is None else missing == HTTPStatus.ACCEPTED,
        known_device=_or(profile.known_device, base.known_device),
        duplicate_device=_or(profile.duplicate_device, base.duplicate_device),
        statuses_as_sent=_or(profile.statuses_as_sent, base.statuses_as_sent),
        location=_or(profile.location, base.location),
        most_devices=_or(profile.largest_upload if profile.too_large_upload else None, base.most_devices),
        request_id_seconds=_or(_request_id_seconds(profile), base.request_id_seconds),
        is_admin_agent=base.is_admin_agent and profile.assign_policy != HTTPStatus.FORBIDDEN,
        audit_names_devices=any(profile.audit_details.values()) if profile.audit_details else base.audit_names_devices,
    )


_Value = TypeVar("_Value")


def _or(value: _Value | None, otherwise: _Value) -> _Value:
    return otherwise if value is None else value


def _request_id_seconds(profile: Profile) -> float | None:
    """Between the longest wait after which a repeat was recognised and the one after which it was not."""
    if profile.repeated_request_id is False:
        return -1.0
    if profile.request_id_forgotten_seconds is None:
        return None
    return ((profile.request_id_remembered_seconds or 0.0) + profile.request_id_forgotten_seconds) / 2


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that no document says, and what the stand-in and the tests take for granted."""

    question: str
    assumed: str
    answer: Callable[[Profile], object]
    """What the profile says; None if it does not."""

    def confirmation(self, profile: Profile) -> str:
        """Whether the profile confirms the assumption."""
        answer = self.answer(profile)
        if answer is None or answer in ({}, ()):
            return "not asked"
        return "confirmed" if str(answer) == self.assumed else f"**different**: {answer}"


def _accepts(status: int | None) -> str | None:
    return None if status is None else "yes" if status == HTTPStatus.ACCEPTED else f"no ({status})"


def _yes_or_no(value: object) -> str | None:
    return None if value is None else "yes" if value else "no"


def _reads(status: int | None) -> str | None:
    return None if status is None else "yes" if status == HTTPStatus.OK else f"no ({status})"


def _as_described(differences: Sequence[str] | None) -> str | None:
    return None if differences is None else f"no ({'; '.join(differences)})" if differences else "yes"


def _forgotten(found: Profile) -> str | None:
    if found.request_id_forgotten_seconds is not None:
        return f"after {found.request_id_forgotten_seconds:g} seconds"
    return None if found.request_id_remembered_seconds is None else "no"


def _details(names: Sequence[str] | None) -> str | None:
    return None if names is None else ", ".join(names) or "nothing"


def _refused_names(names: Mapping[str, int]) -> str | None:
    refused = [f"{kind} ({status})" for kind, status in sorted(names.items()) if status != HTTPStatus.ACCEPTED]
    return None if not names else f"not {', '.join(refused)}" if refused else "yes"


ASSUMPTIONS = (
    Assumption("Does creating a batch work with this sign-in?", "yes", lambda found: _accepts(found.create_batch)),
    Assumption(
        "What is the creation of a batch that exists answered with?", "409", lambda found: found.create_existing_batch
    ),
    Assumption(
        "Does appending to a batch that does not exist make it?",
        "no (404)",
        lambda found: _accepts(found.append_to_missing_batch),
    ),
    Assumption(
        "How many devices does an upload take?",
        str(MOST_DEVICES),
        lambda found: found.largest_upload if found.too_large_upload else found.largest_upload and "more than tried",
    ),
    Assumption(
        "What does a second batch answer for a device that the customer has?",
        WELL_BEHAVED.known_device,
        lambda found: found.known_device,
    ),
    Assumption(
        "What is a device that stands in an upload twice answered with?",
        WELL_BEHAVED.duplicate_device,
        lambda found: found.duplicate_device,
    ),
    Assumption(
        "Can a refused device be sent to the same batch again?",
        "yes",
        lambda found: _accepts(found.failed_device_again),
    ),
    Assumption(
        "Do the devices of a status stand in the order of the upload?",
        "yes",
        lambda found: _yes_or_no(found.statuses_as_sent),
    ),
    Assumption(
        "Is a repeated request id answered with the first tracking id?",
        "yes",
        lambda found: _yes_or_no(found.repeated_request_id),
    ),
    Assumption("Is a request id ever forgotten?", "no", _forgotten),
    Assumption(
        "What is a request id with another body answered with?", "400", lambda found: found.request_id_of_another_body
    ),
    Assumption("What is the link to an upload?", WELL_BEHAVED.location, lambda found: found.location),
    Assumption(
        "Is every name of a batch taken?",
        "yes",
        lambda found: _refused_names(found.batch_names),
    ),
    Assumption(
        "Which headers does throttling send?",
        "Retry-After",
        lambda found: ", ".join(sorted(found.throttling_headers)) or None,
    ),
    Assumption(
        "May this sign-in read the configuration policies of a customer?",
        "yes",
        lambda found: _reads(found.read_policies),
    ),
    Assumption(
        "Do configuration policies have the fields of the page?",
        "yes",
        lambda found: _as_described(found.policies_differ),
    ),
    Assumption(
        "Which field counts the devices of a policy?",
        "devicesAssigned",
        lambda found: ", ".join(found.policy_counts or ()) or None,
    ),
    Assumption("May this sign-in assign a configuration policy?", "yes", lambda found: _accepts(found.assign_policy)),
    Assumption(
        "Does the status of an assignment name its device by id?",
        "yes",
        lambda found: _yes_or_no(found.assignment_names_device),
    ),
    Assumption(
        "Does a device list the policy that it was assigned?",
        "yes",
        lambda found: _yes_or_no(found.assigned_policy_is_listed),
    ),
    Assumption(
        "What is the assignment of a policy that does not exist answered with?",
        "ZtdProfileIsNotRegistered",
        lambda found: found.unknown_policy,
    ),
    Assumption(
        "What is an assignment to a device that does not exist answered with?",
        "ZtdDeviceIsNotRegistered",
        lambda found: found.unknown_device,
    ),
    Assumption("May this sign-in read audit records?", "yes", lambda found: _reads(found.read_audit_records)),
    Assumption(
        "What are audit records of more than 90 days ago answered with?",
        "400",
        lambda found: found.audit_records_too_old,
    ),
    Assumption(
        "Do audit records have the fields of the page?",
        "yes",
        lambda found: _as_described(found.audit_records_differ),
    ),
    Assumption(
        "Does the filter by customer leave out the records of others?",
        "yes",
        lambda found: _yes_or_no(found.audit_records_of_customer),
    ),
    Assumption(
        "Do audit records tell of uploads, assignments and deletions under the names of the SDK?",
        "yes",
        lambda found: _as_described(found.unrecorded),
    ),
    Assumption(
        "What does the audit record of a deletion name?",
        "BatchId, DeviceId",
        lambda found: _details(found.audit_details.get("device_deleted")),
    ),
)
"""Everything of the reference that Microsoft's pages leave open and that the stand-in has to decide."""


def table(profile: Profile) -> str:
    """The assumptions, and which of them a profile confirms, as a Markdown table."""
    lines = ["| question | assumed | answered |", "|---|---|---|"]
    lines += [
        f"| {assumption.question} | `{assumption.assumed}` | {assumption.confirmation(profile)} |"
        for assumption in ASSUMPTIONS
    ]
    return "\n".join(lines)


def read(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        ProfileUnreadable: there is none, or it is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except (OSError, msgspec.DecodeError) as error:
        raise ProfileUnreadable(f"{path} is no file of `python -m local conformance`: {error}") from error


def write(profile: Profile, path: Path) -> None:
    """Keep a profile."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")


class ProfileUnreadable(Exception):
    """A file holds no profile; the message says why."""
