"""Distinguishes public addresses from private ones: an address in a setting must not lead into our own network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_OF_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "168.63.129.16/32",  # Azure's own channel to virtual machines ("What is IP address 168.63.129.16?")
            "192.0.0.0/24",  # protocols and other clouds' own channels; Python 3.11 treats most of it as public
            "192.88.99.0/24",  # 6to4 relays, which lead to any address
        ),
    )
)
"""Networks that `ipaddress` does not know as special (IANA IPv4 Special-Purpose Address Registry)."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, benchmarking, ORCHID and other protocols
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which leads to any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
"""Special networks within the routed part of IPv6 (IANA IPv6 Special-Purpose Address Registry)."""


def is_public(address: Address) -> bool:
    """Whether `address` is on the public internet: not private, loopback, link-local, shared or reserved."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC)
    is_one_machine = not (address.is_multicast or address.is_reserved or address.is_unspecified)
    is_special = any(address in network for network in _NOT_PUBLIC_OF_IPV4)
    return is_one_machine and address.is_global and not is_special


def literal_address(host: str) -> Address | None:
    """`host` as an address; None when it is a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
