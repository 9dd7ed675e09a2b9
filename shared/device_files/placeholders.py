"""Facts of the world that checking needs: placeholders, default UUIDs, template samples, spellings of manufacturers."""

import re
from uuid import UUID

PLACEHOLDERS = frozenset(
    text.strip()
    for text in """
    default string|to be filled by o.e.m.|to be filled by oem|o.e.m.|oem|system serial number|system manufacturer
    system product name|system version|serial number|chassis serial number|base board serial number
    smbios_string_index_0
    none|n/a|na|null|nil|unknown|undefined|not specified|not available|not applicable|not settable|not present|no serial
    invalid|empty|blank|tbd|test|default|serial|no asset information|123456789|1234567890|0123456789|12345678|1234567
    123456|012345678|01234567|xxxxxxx|ssn12345678901234567|sernum0|nb-0123456789|eval|b-one
    """.replace("\n", "|").split("|")
)
"""Texts that makers leave in the firmware in place of a serial number, manufacturer or model. Compared without case."""

_FILLER = re.compile(r"[0\-_.\s]*|(?i:x+)|\*+|\?+|f{8,}", re.IGNORECASE)
"""Nothing but zeros, dashes, X, stars or question marks."""

_DEFAULT_UUIDS = frozenset(
    order
    for text in (
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "01234567-89ab-cdef-0123-456789abcdef",
        "11111111-2222-3333-4444-555555555555",
        "4c4c4544-0000-2010-8020-80c04f202020",
    )
    for order in (UUID(text).bytes, UUID(text).bytes_le)
)
"""SMBIOS UUIDs that boards share because their maker never wrote one."""

TEMPLATE_SERIALS = frozenset({"R9-ZNP67"})
TEMPLATE_PRODUCT_KEYS = frozenset({"123451234567"})
TEMPLATE_HASH = "T0FzAQEAHAAAAAoA6AOCOgEABgBgW7EdzorHH3g"
"""The sample values of the template that Partner Center offers for download."""

MANUFACTURERS = frozenset(
    name.casefold()
    for name in (
        "Acer", "Apple Inc.", "ASUS", "ASUSTeK COMPUTER INC.", "Casper", "CHUWI", "Dell", "Dell Inc.", "Durabook",
        "Dynabook Inc.", "DYNABOOK", "FUJITSU", "FUJITSU CLIENT COMPUTING LIMITED", "Fujitsu", "GETAC", "Getac",
        "Gigabyte Technology Co., Ltd.", "GIGABYTE", "Google", "Hewlett-Packard", "HP", "HP Inc.", "HUAWEI", "HONOR",
        "innotek GmbH", "Insyde", "Intel Corporation", "Intel(R) Client Systems", "LENOVO", "LG Electronics", "MEDION",
        "Micro-Star International Co., Ltd.", "Micro-Star International Co., Ltd", "Microsoft", "Microsoft Corporation",
        "MSI", "NEC", "NEC Corporation", "Panasonic", "Panasonic Connect Co., Ltd.", "Panasonic Corporation",
        "Parallels International GmbH.", "Parallels Software International Inc.", "Positivo Tecnologia SA", "QEMU",
        "Razer", "Red Hat", "SAMSUNG ELECTRONICS CO., LTD.", "Samsung Electronics Co., Ltd.", "Shuttle Inc.",
        "Sony Corporation", "Star Labs", "System76", "TERRA", "TOSHIBA", "TUXEDO", "VAIO", "VAIO Corporation",
        "VMware, Inc.", "WORTMANN AG", "Xen", "XIAOMI", "Zebra Technologies", "Framework", "Nutanix",
    )
)  # fmt: skip
"""Manufacturers as firmware spells them, case-folded. Used only to recognise which cell is the manufacturer."""


def is_placeholder(text: str) -> bool:
    """Whether a serial number, manufacturer or model is empty or one of the texts that stand in place of one."""
    return text.casefold() in PLACEHOLDERS or _FILLER.fullmatch(text) is not None


def is_default_uuid(uuid: bytes) -> bool:
    """Whether an SMBIOS UUID, in either byte order, is one that many boards share, or one byte repeated."""
    return uuid in _DEFAULT_UUIDS or (uuid[:1] == uuid[-1:] and 0 < len(uuid) == uuid.count(uuid[0]))


def is_manufacturer(text: str) -> bool:
    """Whether a text is the name of a manufacturer as firmware spells it, without regard to case."""
    return text.casefold() in MANUFACTURERS
