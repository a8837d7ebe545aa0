"""Connections from tools to outside systems, to checked addresses only.

A name is resolved once, all its addresses are checked, and the connection goes to one of those very addresses: a second
answer of the name server, a moment later, has no effect.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

from connectors.tools.environment import IpNetwork
from schemas.errors import StepError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Looks a host up; returns its addresses. Raises ``OSError``."""

#: Translators put an IPv4 address into the last 32 bits of these; that address decides.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve(host: str, port: int) -> list[str]:
    """Query the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def may_reach(address: str, networks: Iterable[IpNetwork]) -> bool:
    """Return true if an address is public, or in one of the networks."""
    ip = _meant(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip in network for network in networks if network.version == ip.version):
        return True
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _meant(ip: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address stands for, if any."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else ip)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections for httpcore, to addresses that ``may_reach``.

    Raises a final ``StepError`` ``forbidden_address``; a name that is not found is an ``httpcore.ConnectError``.
    """

    def __init__(self, networks: Iterable[IpNetwork], look_up: Resolve = resolve) -> None:
        self._networks = tuple(networks)
        self._look_up = look_up
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class' signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failed = exc
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class' signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL leads to one."""
        raise StepError("forbidden_address", "sockets of this machine are not reached from tools")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as exc:
            raise httpcore.ConnectError(f"the host {host} is not found: {exc}") from exc
        # One bad address is enough: the owner of the name decides which one would be used.
        if not all(may_reach(address, self._networks) for address in addresses):
            raise StepError(
                "forbidden_address",
                f"{host} has an address of a private network, which tools do not reach; an operator may allow the "
                "network with HTTP_ALLOW_NETWORKS",
            )
        return addresses
