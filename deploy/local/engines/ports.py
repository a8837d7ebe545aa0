"""Loopback ports that stay the same between starts, stored in `<data_dir>/ports.json`."""

from __future__ import annotations

import json
import os
import random
import socket
from pathlib import Path

from connectors.objects import atomic_file
from deploy.local.engines.progress import Progress, silent

LOOPBACK = "127.0.0.1"
# Below the range that Linux (32768) and macOS (49152) assign to outgoing connections, so that no client can take a port
# between the moment it is chosen and the moment an engine binds it.
FIRST_PORT, LAST_PORT = 20_000, 32_000
# A process searches a block of its own first: processes that start at the same moment do not see each other's choices.
BLOCK = 100


class PortBook:
    """Remembers the port of each name. Used by one process at a time, which the data directory's lock ensures."""

    def __init__(self, path: Path, warn: Progress = silent) -> None:
        self._path = path
        self._ports = _remembered(path, warn)

    def port(self, name: str) -> int:
        """The port of `name`: the remembered one while it is free, else a new one, which is remembered."""
        port = self._ports.get(name)
        if port is None or not is_free(port):
            port = self._choose()
            self._remember({name: port})
        return port

    def port_with_bus(self, name: str, above: int) -> int:
        """The port of `name`, a server that binds a second port, `above` higher, which is chosen and kept with it."""
        port, bus = self._ports.get(name), f"{name}-bus"
        if port is None or self._ports.get(bus) != port + above or not (is_free(port) and is_free(port + above)):
            # The upper one is in the range of all ports, so that clients cannot take it either.
            port = self._choose(below=above) - above
            self._remember({name: port, bus: port + above})
        return port

    def _remember(self, ports: dict[str, int]) -> None:
        self._ports |= ports
        atomic_file.replace(self._path, json.dumps(self._ports, indent=1, sort_keys=True).encode())

    def _choose(self, below: int = 0) -> int:
        """Return a free port, and if `below` is given, one whose neighbour so far below is free as well."""
        taken = set(self._ports.values())
        for port in _candidates(os.getpid()):
            if not {port, port - below} & taken and is_free(port) and (not below or is_free(port - below)):
                return port
        raise OSError(f"no free port on {LOOPBACK} between {FIRST_PORT} and {LAST_PORT}: stop other local servers")


def _remembered(path: Path, warn: Progress) -> dict[str, int]:
    """The ports in a file; none, and a message, when it is damaged, since new ports do no harm."""
    if not path.exists():
        return {}
    try:
        ports = json.loads(path.read_bytes())
        return {str(name): int(port) for name, port in ports.items()}
    except (ValueError, AttributeError, TypeError):
        warn(f"{path} is damaged; the ports are chosen again")
        return {}


def _candidates(pid: int) -> list[int]:
    """Ports to try in this order. Consecutive processes start in different blocks."""
    start = FIRST_PORT + pid * BLOCK % (LAST_PORT - FIRST_PORT)
    block = random.sample(range(start, start + BLOCK), k=BLOCK)
    return [*block, *random.sample(range(FIRST_PORT, LAST_PORT), k=200)]


def is_free(port: int) -> bool:
    """True if a server could bind the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
