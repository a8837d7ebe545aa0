"""Addresses of machines: IP v4 and v6, and hardware addresses."""

import ipaddress
from typing import Final

from services.privacy.detect.rules import Rule

_NEAR_IP: Final = (
    *("ip", "ips", "ipv4", "ipv6", "address*", "addr", "host*", "server*", "client*", "remote", "dns", "gateway"),
    *("subnet", "router", "peer", "login*", "from", "adresse", "dirección", "indirizzo", "ip-adresse", "адрес", "地址"),
)
#: What stands before dotted numbers that are no addresses.
_NOT_IP: Final = (
    *("version*", "ver", "v", "release*", "build", "firmware", "driver", "revision", "rev", "upgrade*", "update*"),
    *("section*", "chapter", "clause", "paragraph", "table", "figure", "requirement*", "oid", "netmask", "mask"),
)
#: Versions and numbers of sections have small parts; addresses with four of them are 2 in 10,000.
_SMALL: Final = 32


def is_ipv4(value: str) -> bool:
    """Return whether it is an address of one machine that may be of a person, and does not look like a version."""
    return is_any_ipv4(value) and any(int(part) >= _SMALL for part in value.split("."))


def is_any_ipv4(value: str) -> bool:
    """Return whether it is an address of one machine: no mask, no loopback, no broadcast, not unspecified."""
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:  # a part over 255, or with a leading zero
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or value.startswith("255."))


def is_ipv6(value: str) -> bool:
    """Return whether it is an address that is neither a time nor a name of code, such as ``a::b``."""
    if not is_any_ipv6(value):
        return False
    groups = value.partition("%")[0].split(":")
    if "::" not in value:
        return True
    return len(groups[0]) > 2 and any(char.isdigit() for char in groups[0])


def is_any_ipv6(value: str) -> bool:
    """Return whether it is an address of one machine: no loopback, not unspecified."""
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def is_mac(value: str) -> bool:
    """Return whether it is the address of one device."""
    digits = "".join(char for char in value if char not in ":-.").lower()
    return digits not in {"0" * 12, "f" * 12}


def is_lettered_mac(value: str) -> bool:
    """Return whether it has letters, so that it is no date, phone number or time."""
    return is_mac(value) and any(char.isalpha() for char in value)


_V4: Final = r"(?:^|[^\w./\-]|//|@)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:$|[^\w.\-]|\.(?:$|[^\w]))"
_V6: Final = (
    r"(?i)(?:^|[^\w:.\-])((?:[0-9a-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4})(?:%\w+)?)"
    r"(?:$|[^\w:.]|\.(?:$|[^\w]))"
)
_MAC: Final = (
    r"(?i)(?:^|[^\w:.\-])([0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}"
    r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?:$|[^\w:\-])"
)

RULES: Final = (
    Rule("pii.ip.v4", "ip", _V4, 0.9, group=1, validate=is_ipv4, near=_NEAR_IP, alone=0.8, unless=_NOT_IP),
    Rule("pii.ip.v4.words", "ip", _V4, 0.8, group=1, validate=is_any_ipv4, near=_NEAR_IP, unless=_NOT_IP),
    Rule("pii.ip.v6", "ip", _V6, 0.9, group=1, validate=is_ipv6),
    Rule("pii.ip.v6.words", "ip", _V6, 0.9, group=1, validate=is_any_ipv6, near=_NEAR_IP),
    Rule("pii.mac", "mac", _MAC, 0.9, group=1, validate=is_lettered_mac),
    Rule(
        "pii.mac.words",
        "mac",
        _MAC,
        0.8,
        group=1,
        validate=is_mac,
        near=("mac", "hardware", "bssid", "ethernet", "hwaddr"),
    ),
)
