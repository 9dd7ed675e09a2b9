"""A stand-in for Partner Center's device batches on this machine: real HTTP, strict about the documented contract.

It is written from the service's pages alone and shares no code with the client, so that a misunderstanding shows.

    python -m local.partner_center --port 7077 --data .local/partner_center --delay 5 --fault throttle=0.1

What it holds
    Any GUID is a customer, unless named by --unknown-customer; the list of customers names a few of them (`CUSTOMERS`),
    of which Tailspin Toys has no relationship with the partner: calls about its devices are refused. Batch ids are
    exact strings: a batch that differs in case only is neither found by an append nor created beside the other. Paths
    are matched without case. A device is the same as another when hash, or product key, or serial number + manufacturer
    + model are equal; registered for the same customer it ends as 806, for another as 808, twice in one upload as
    ZtdDeviceDuplicated (without a number). A device that was deleted may be registered anew, under another id; deleting
    it twice is answered with 404. A hash that is not base64 ends as 802. A POST with a known MS-RequestId gets the
    answer of the first, also a refusal, and is not processed again; with another body it is refused. Property names
    outside the schema and MS-RequestIds that are no GUID are refused, which is stricter than the service is known to
    be.

    Every customer has the configuration policies `POLICIES`, each under an id of its own. A PATCH that gives devices a
    policy is taken from an Admin agent alone (`--sales-agent`), and answered with the status of each device: 807 if the
    customer has no such device, 809 if it has no such policy. Audit records tell of uploads, updates and deletions, and
    by whom; they are kept for 90 days.

Serial numbers that provoke an outcome
    STANDIN-808-...            the code, with its name; a number without a documented name comes with ZtdUndocumented
    STANDIN-HashNot4k-...      the name, with its number if it has one
    STANDIN-StorageError-...   fails the first time this device is sent, as a passing error does
    STANDIN-806OTHER-...       806 with the name ZtdDeviceAssignedToOtherTenant, as seen in the field
    STANDIN-0-...              finished, with the code 0
    STANDIN-NOREASON-...       finished_with_errors without code and name
    STANDIN-STUCK-...          this device stays `in-progress` although its upload is finished
    STANDIN-LATE-...           gets its verdict ten minutes after the end of its upload
    STANDIN-MALFORMED-...      the whole upload is refused, without a word on which device it was
    STANDIN-PROFILE-809-...    the code or name, when the device gets a policy; registering it goes well

Faults: see `Fault`. Each can be given a probability (--fault NAME=PROBABILITY, drawn from --seed) or be scripted for
the next requests (`script`, or POST /stand-in/faults). GET /stand-in/requests tells what was asked: requests by
operation, and how often each device was in a POST that was processed. POST /stand-in/devices does what others do beside
the caller: `{"do": "register", "customer", "batch", "serial", "manufacturer", "model", "by"}`, `{"do": "delete",
"customer", "serial", "by"}`, and `{"do": "allow", "customer", "serial", "operations": ["GET"]}`, after which the device
may not be deleted. POST /stand-in/policies adds a configuration policy (`{"do": "add", "customer", "name"}`) or removes
one (`{"do": "remove", "customer", "id"}`).
"""

from local.partner_center.behaviour import CUSTOMERS, POLICIES, Behaviour, NamedCustomer, NamedPolicy
from local.partner_center.command_line import main
from local.partner_center.contract import (
    ABOUT_CUSTOMERS,
    JOBS,
    UPLOADS,
    Answer,
    Operation,
    Reply,
    Replying,
    Request,
    route,
)
from local.partner_center.devices import SentDevice
from local.partner_center.directory import Directory
from local.partner_center.faults import Fault
from local.partner_center.service import Service
from local.partner_center.stand_in import PartnerCenterStandIn, StandIn
from local.partner_center.verdicts import LATE, MALFORMED, Verdict, provoked, seconds_late

__all__ = [
    "ABOUT_CUSTOMERS",
    "CUSTOMERS",
    "JOBS",
    "LATE",
    "MALFORMED",
    "POLICIES",
    "UPLOADS",
    "Answer",
    "Behaviour",
    "Directory",
    "Fault",
    "NamedCustomer",
    "NamedPolicy",
    "Operation",
    "PartnerCenterStandIn",
    "Reply",
    "Replying",
    "Request",
    "SentDevice",
    "Service",
    "StandIn",
    "Verdict",
    "main",
    "provoked",
    "route",
    "seconds_late",
]
