"""Counts what this process asks of the network, by Python's audit events: no library can go around them unseen."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "subprocess.Popen"})


@dataclass
class Calls:
    """How many there were."""

    count: int = 0


_open: list[Calls] = []
_installed: list[bool] = []


def _hook(event: str, _args: object) -> None:
    if event in _EVENTS:
        for calls in _open:
            calls.count += 1


@contextmanager
def counted() -> Iterator[Calls]:
    """Count connections, datagrams, look-ups of names and new processes. A hook stays, and costs next to nothing."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)
    calls = Calls()
    _open.append(calls)
    try:
        yield calls
    finally:
        _open.remove(calls)
