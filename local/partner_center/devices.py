"""The devices of an upload, read strictly from its body."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from local.partner_center.contract import Json, Refusal, invalid_input
from local.partner_center.verdicts import MALFORMED

MOST_DEVICES = 1000
"""Devices an upload may have (Microsoft Learn, "Manually register devices with Windows Autopilot")."""


@dataclass(frozen=True, slots=True)
class SentDevice:
    """A device of an upload. Of its hash only a digest is kept."""

    serial: str | None
    product_key: str | None
    manufacturer: str | None
    model: str | None
    hash_digest: str | None
    hash_is_base64: bool

    @classmethod
    def of(
        cls,
        *,
        serial: str | None,
        product_key: str | None,
        manufacturer: str | None,
        model: str | None,
        hardware_hash: str | None,
    ) -> Self:
        """The device with these values; an empty one counts as absent."""
        return cls(
            serial=serial or None,
            product_key=product_key or None,
            manufacturer=manufacturer or None,
            model=model or None,
            hash_digest=hashlib.blake2b(hardware_hash.encode(), digest_size=16).hexdigest() if hardware_hash else None,
            hash_is_base64=_is_base64(hardware_hash or ""),
        )

    @property
    def identities(self) -> tuple[str, ...]:
        """The keys by which it is recognised, the surest first."""
        tuple_key = "|".join((self.serial or "", self.manufacturer or "", self.model or ""))
        named = (
            ("hash", self.hash_digest),
            ("key", self.product_key),
            ("tuple", tuple_key if self.serial and self.manufacturer and self.model else None),
        )
        return tuple(f"{kind}:{value}" for kind, value in named if value)


_TEXTS = frozenset(
    [
        "id",
        "serialnumber",
        "productkey",
        "hardwarehash",
        "oemmanufacturername",
        "modelname",
        "uploadedby",
        "createdby",
        "uploadeddate",
    ]
)
_LISTS = frozenset({"policies", "allowedoperations"})
_OBJECTS = frozenset({"attributes", "links"})


def devices_in(content: Json, most: int = MOST_DEVICES) -> list[SentDevice]:
    """The devices of an upload.

    Raises:
        Refusal: when they are not what "Device" and its accepted combinations ask for.
    """
    if not isinstance(content, list):
        raise invalid_input("The devices must be a JSON array")
    if not content:
        raise invalid_input("There are no devices in the request")
    if len(content) > max(most, MOST_DEVICES):
        raise invalid_input(f"A request takes at most {MOST_DEVICES} devices, this one has {len(content)}")
    if len(content) > most:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, None, "Request Entity Too Large")
    return [_device_in(number, entry) for number, entry in enumerate(content)]


def fields_of_device(number: int, entry: Json) -> dict[str, Json]:
    """The properties of a device of a request, by lower-case name.

    Raises:
        Refusal: when one is not of the schema.
    """
    if not isinstance(entry, dict):
        raise invalid_input(f"devices[{number}] isn&#39;t an object")
    fields = {name.lower(): value for name, value in entry.items()}
    for name, value in fields.items():
        if value is not None and not isinstance(value, _type_of(number, name)):
            raise invalid_input(f"devices[{number}].{name} doesn&#39;t have the type of the schema")
    return fields


def _device_in(number: int, entry: Json) -> SentDevice:
    fields = fields_of_device(number, entry)
    device = SentDevice.of(
        serial=fields.get("serialnumber"),
        product_key=fields.get("productkey"),
        manufacturer=fields.get("oemmanufacturername"),
        model=fields.get("modelname"),
        hardware_hash=fields.get("hardwarehash"),
    )
    if (device.serial or "").upper().startswith(MALFORMED):
        raise invalid_input("A device is malformed")
    if not device.identities:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            3000,
            f"Invalid property: devices[{number}] needs a hardware hash, a product key, or serial number with"
            " manufacturer and model",
            [f"devices[{number}]"],
        )
    return device


def _type_of(number: int, name: str) -> type:
    if name in _TEXTS:
        return str
    if name in _LISTS:
        return list
    if name in _OBJECTS:
        return dict
    raise invalid_input(f"devices[{number}].{name} isn&#39;t a property of a device")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
