"""How one device of an upload ends, and the serial numbers that ask for an end."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAMES: Mapping[str, str | None] = {
    "InvalidZtdRequestBody": "801",
    "InvalidZtdHardwareHash": "802",
    "MissingZtdSerialNumberAndProductKey": "803",
    "ZtdDeviceAlreadyAssigned": "806",
    "ZtdDeviceIsNotRegistered": "807",
    "ZtdDeviceAssignedToOtherTenant": "808",
    "ZtdProfileIsNotRegistered": "809",
    "ZtdProfileAssignedToOtherTenant": "810",
    "ZtdDeviceRegisteredByOtherTenant": "811",
    "ZtdDeviceNotFound": "812",
    "ZtdDeviceIsNotUnique": "813",
    "ZtdDeviceAlreadyAadRegistered": "814",
    "ZtdDeviceAssignedToAnotherTenant": "808",
    "HashNot4k": None,
    "ZtdDeviceDuplicated": None,
    "StorageError": None,
    "ZtdDeviceBadHardwareHash": None,
}
"""The errors of one device: name to number, where one is known."""

LATE = "STANDIN-LATE-"
LATE_SECONDS = 600.0
"""A device whose serial number begins so gets its verdict this much later than its upload ends."""

MALFORMED = "STANDIN-MALFORMED-"
"""A device whose serial number begins so has its whole upload refused, without a word on which device it was."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one device of an upload ends."""

    status: str = "finished"
    code: str | None = None
    name: str | None = None

    @property
    def is_registered(self) -> bool:
        """Whether the device is the customer's from now on."""
        return self.status == "finished"


def failed(name: str) -> Verdict:
    """A device that ends with the error `name`, and its number where one is known."""
    return Verdict("finished_with_errors", _NAMES[name], name)


def seconds_late(serial: str | None) -> float:
    """How long after the end of its upload the verdict on a device is known."""
    return LATE_SECONDS if (serial or "").upper().startswith(LATE) else 0.0


def provoked_by_update(serial: str | None) -> Verdict | None:
    """The outcome that a serial number asks for when its device gets a policy; None when it asks for none."""
    found = re.match(r"STANDIN-PROFILE-(\w+-)", serial or "", re.IGNORECASE)
    return provoked(f"STANDIN-{found[1]}", sent_before=False) if found else None


def provoked(serial: str | None, *, sent_before: bool) -> Verdict | None:
    """The outcome that a serial number asks for (see the package); None when it asks for none."""
    found = re.match(r"STANDIN-(\w+)-", serial or "", re.IGNORECASE)
    if not found:
        return None
    word = found[1].lower()
    special = {
        "0": Verdict(code="0"),
        "806other": Verdict("finished_with_errors", "806", "ZtdDeviceAssignedToOtherTenant"),
        "noreason": Verdict("finished_with_errors"),
        "stuck": Verdict("in-progress"),
    }
    if word == "storageerror" and sent_before:
        return None
    if word in special:
        return special[word]
    for name, number in _NAMES.items():
        if word in (name.lower(), number):
            return failed(name)
    return Verdict("finished_with_errors", word, "ZtdUndocumented") if word.isdigit() else None
