"""The outcome of a row for each error of a device in an upload, as one table.

The codes are the Device Directory Service's, behind both Partner Center and Intune; Partner Center's own pages show
only 808. Each explanation names its source. Number and name do not always go together in practice, so the name decides
first and the number second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.partner_center.models import JobState
from shared.vocabulary import Outcome, Remedy


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome of a device's row, and the remedy."""

    verdict: Outcome
    what_to_do: str
    remedy: Remedy
    source: str
    """The page that says so, and when it was read; or that it is a rule of this app."""


_READ = "read in November 2026"
_CODE_TABLE = f'"Register devices in Microsoft Managed Desktop", table of errors (Microsoft Learn), {_READ}'
_ERRORS_806_AND_808 = f'"Windows Autopilot device errors 806 and 808" (Microsoft Learn), {_READ}'
_ADDING_DEVICES = f'"Manually register devices with Windows Autopilot" (Microsoft Learn), {_READ}'
_MOTHERBOARDS = f'"Windows Autopilot motherboard replacement" (Microsoft Learn), {_READ}'
_OUR_RULE = "A rule of this app, since November 2026: no page of Microsoft says what to do"

_REGISTERED = Explanation(Outcome.REGISTERED, "Nothing.", Remedy.NOTHING, _OUR_RULE)
_ALREADY_REGISTERED = Explanation(
    Outcome.ALREADY_REGISTERED,
    "Nothing: the device is registered for this customer already.",
    Remedy.NOTHING,
    _ERRORS_806_AND_808,
)


def _failed(remedy: Remedy, what_to_do: str, source: str = _CODE_TABLE) -> Explanation:
    return Explanation(Outcome.FAILED, what_to_do, remedy, source)


_OTHER_TENANT = _failed(
    Remedy.ASK,
    "The device is registered for another tenant: have that tenant or its partner deregister it. Or ask Microsoft"
    " support with proof of ownership (the invoice with serial number and company name). The manufacturer cannot.",
    _ERRORS_806_AND_808,
)
_BAD_HASH = _failed(
    Remedy.FIX,
    "The hardware hash is not accepted: collect it again on the device and check that its firmware states manufacturer"
    " and serial number.",
)
_NOT_FOR_UPLOADS = _failed(
    Remedy.ASK,
    "The service answered with an error that does not belong to an upload: ask Microsoft support with the tracking id.",
)
_WITHOUT_A_CODE = _failed(
    Remedy.SEND_AGAIN,
    "The service gave no reason: send the device again. Ask Microsoft support with the tracking id if it fails again.",
    _OUR_RULE,
)
UNDOCUMENTED = _failed(
    Remedy.ASK,
    "This code is not documented: ask Microsoft support with the code and the tracking id.",
    _OUR_RULE,
)

OUR_OTHER_CUSTOMER = (
    "The device is registered for the tenant of another customer of this partner. The status page names it and its"
    " file: withdraw that file if it was dropped under the wrong customer or delete the device there in Partner"
    " Center. Then drop this row again."
)
"""Said in place of the cure of another tenant where the app itself knows that the tenant is a customer's."""

_TWICE_IN_ONE_UPLOAD = _failed(
    Remedy.NOTHING,
    "The upload held this device twice and the service took one of them: look at the outcome of the other row.",
)

_BY_NAME: Mapping[str, Explanation] = {
    name.lower(): explanation
    for name, explanation in {
        "InvalidZtdRequestBody": _failed(
            Remedy.SEND_AGAIN,
            "The service could not read the request: send the device again. Ask Microsoft support with the tracking id"
            " if it fails again.",
        ),
        "InvalidZtdHardwareHash": _BAD_HASH,
        "ZtdDeviceBadHardwareHash": _BAD_HASH,
        "HashNot4k": _failed(
            Remedy.FIX, "The hardware hash is not a 4K hash: collect it again on Windows 10 1703 or later."
        ),
        "MissingZtdSerialNumberAndProductKey": _failed(
            Remedy.FIX, "Serial number and product key are both missing: correct the row."
        ),
        "ZtdDeviceAlreadyAssigned": _ALREADY_REGISTERED,
        "ZtdDeviceAssignedToOtherTenant": _OTHER_TENANT,
        "ZtdDeviceAssignedToAnotherTenant": _OTHER_TENANT,
        "AssignedToOtherTenant": _OTHER_TENANT,
        "AssignedToAnotherTenant": _OTHER_TENANT,
        "ZtdDeviceIsNotRegistered": _NOT_FOR_UPLOADS,
        "ZtdProfileIsNotRegistered": _NOT_FOR_UPLOADS,
        "ZtdProfileAssignedToOtherTenant": _NOT_FOR_UPLOADS,
        "ZtdDeviceRegisteredByOtherTenant": _NOT_FOR_UPLOADS,
        "ZtdDeviceNotFound": _failed(
            Remedy.FIX,
            "No known device has this manufacturer and model and serial number (or this product key): correct them to"
            " the exact spelling and case or send the 4K hash. After a motherboard replacement only the hash works.",
            _MOTHERBOARDS,
        ),
        "ZtdDeviceIsNotUnique": _failed(
            Remedy.FIX,
            "The hardware hash does not identify one device: collect it again on the device or ask Microsoft support.",
        ),
        "ZtdDeviceAlreadyAadRegistered": _failed(
            Remedy.ASK,
            "The device is joined to Microsoft Entra ID already: remove that device object or reset the device. Then"
            " send it again.",
        ),
        "ZtdDeviceDuplicated": _TWICE_IN_ONE_UPLOAD,
        "StorageError": _failed(
            Remedy.SEND_AGAIN, "The service had a passing storage error: send the device again.", _ADDING_DEVICES
        ),
    }.items()
}

EXPLANATIONS = (*_BY_NAME.values(), _REGISTERED, _WITHOUT_A_CODE, UNDOCUMENTED)
"""All explanations that a device's code can lead to."""

_NAME_OF_NUMBER: Mapping[str, str] = {
    "801": "InvalidZtdRequestBody",
    "802": "InvalidZtdHardwareHash",
    "803": "MissingZtdSerialNumberAndProductKey",
    "806": "ZtdDeviceAlreadyAssigned",
    "807": "ZtdDeviceIsNotRegistered",
    "808": "ZtdDeviceAssignedToOtherTenant",
    "809": "ZtdProfileIsNotRegistered",
    "810": "ZtdProfileAssignedToOtherTenant",
    "811": "ZtdDeviceRegisteredByOtherTenant",
    "812": "ZtdDeviceNotFound",
    "813": "ZtdDeviceIsNotUnique",
    "814": "ZtdDeviceAlreadyAadRegistered",
}


_CODES_OF_SUCCESS = frozenset({"0", "200", "201", "202", "204"})
"""The guide calls errorCode an HTTP status code ("Get the status of a batch upload", DeviceUploadDetails)."""

_WORDS_OF_SUCCESS = re.compile(
    r"(?:ok|none|null|created|accepted|no content"
    r"|(?!.*(?:\b(?:not|no|never|without|false|fail\w*|error\w*)\b|n[\u2019']t\b)).*\bsuccess(?:ful|fully)?\b.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Also sentences that speak of success and deny nothing."""


def explain(
    code: str | int | None,
    name: str | None,
    state: JobState = JobState.FINISHED,
    *,
    answer_was_lost: bool = False,
) -> Explanation:
    """The meaning of `code` (errorCode) and `name` (errorDescription) for the row of a device whose status is final.

    Case is ignored, and the name may be part of a longer text. A text that is neither a name nor a word of success is
    an error, even with a success code or no code: reporting an unregistered device as registered would be worse than
    the opposite. `state` decides only when neither code nor name says anything.
    After a lost answer (`answer_was_lost`) a duplicate may be the same device from our own earlier request.
    """
    number, text = str("" if code is None else code).strip(), (name or "").strip()
    if named := _named_in(text) or _named_in(number):
        return _ALREADY_REGISTERED if named is _TWICE_IN_ONE_UPLOAD and answer_was_lost else named
    if _tells_of_another_tenant(text):
        return _OTHER_TENANT
    if number in _NAME_OF_NUMBER:
        return _BY_NAME[_NAME_OF_NUMBER[number].lower()]
    is_no_error = number in _CODES_OF_SUCCESS or _WORDS_OF_SUCCESS.fullmatch(number)
    if not is_no_error or not _WORDS_OF_SUCCESS.fullmatch(text):
        return UNDOCUMENTED
    return _REGISTERED if state is JobState.FINISHED else _WITHOUT_A_CODE


def is_other_tenant(code: str, name: str) -> bool:
    """Whether code and name of a failed device mean that it is registered for another tenant."""
    return explain(code, name, JobState.FINISHED_WITH_ERRORS) is _OTHER_TENANT


def _named_in(text: str) -> Explanation | None:
    words = re.findall(r"\w+", text.lower())
    return next((_BY_NAME[word] for word in words if word in _BY_NAME), None)


def _tells_of_another_tenant(text: str) -> bool:
    return bool(re.search(r"other\s*tenant", text, re.IGNORECASE))
