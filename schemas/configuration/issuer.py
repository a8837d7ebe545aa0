"""What settings say of an issuer of tokens (OIDC): its URL, and what the claims of its tokens mean here."""

import ipaddress
from urllib.parse import urlsplit

from schemas.api_models.access import ALL_PERMISSIONS

EXAMPLE = "https://login.example.com"


def url_fault(url: str, *, is_issuer: bool) -> str:
    """Return what is wrong with a URL, and the fix; nothing for a good one.

    A good one is https, or http on this machine, without user and fragment. An issuer's has no query either.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return f"is not a URL; write one such as {EXAMPLE}"
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))
    if not safe or not host or parts.username or parts.fragment or (is_issuer and parts.query):
        return f"must be an https URL such as {EXAMPLE}"
    return ""


def read_pairs(text: str) -> dict[str, str]:
    """Read ``left=right`` pairs with commas between them. Raises ``ValueError`` with the fix."""
    pairs = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        left, equals, right = (part.strip() for part in pair.rpartition("="))
        if not (left and equals and right):
            raise ValueError(f"has {pair!r}, which is no pair; write pairs such as left=right with commas between them")
        pairs[left] = right
    return pairs


def read_roles(text: str) -> dict[str, frozenset[str]]:
    """Read the permissions of roles: ``editor=read+write``. Raises ``ValueError`` with the fix."""
    roles = {role: frozenset(said.split("+")) for role, said in read_pairs(text).items()}
    for role, permissions in roles.items():
        if unknown := permissions - set(ALL_PERMISSIONS):
            raise ValueError(
                f"gives {role!r} the unknown permissions {', '.join(sorted(unknown))}; write read, write and admin "
                "with + between them"
            )
    return roles


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
