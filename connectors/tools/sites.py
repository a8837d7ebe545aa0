"""Sites: where a tool may send something, as people write it (``api.example.com``, ``*.example.com``)."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?")


@dataclass(frozen=True)
class Site:
    """One site: ``host`` may begin with ``*.``, which stands for any subdomain."""

    scheme: str
    host: str
    port: int

    def covers(self, scheme: str, host: str, port: int) -> bool:
        """Return true if the place is this site."""
        if (scheme, port) != (self.scheme, self.port):
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host

    def holds(self, url: SplitResult) -> bool:
        """Return true if a URL leads to this site."""
        return self.covers(url.scheme, *place_of(url))


def place_of(url: SplitResult) -> tuple[str, int]:
    """Return the host of a URL without a last dot, and its port."""
    return (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme, 0)


def site_of(entry: str) -> Site:
    """Return the site that a text names, https without a scheme. Raises ``ValueError`` that says how to write it."""
    scheme, _, place = entry.rpartition("://")
    host, _, port = place.partition(":")
    scheme, host = scheme.lower() or "https", host.lower()
    if scheme not in _PORTS or not _HOST.fullmatch(host) or not (port.isdigit() or not port):
        raise ValueError(
            f"{entry!r}: write a host such as api.example.com, *.example.com or http://inside.example:8080"
        )
    return Site(scheme, host, int(port or _PORTS[scheme]))
