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
            self._ports[name] = port
            atomic_file.replace(self._path, json.dumps(self._ports, indent=1, sort_keys=True).encode())
        return port

    def _choose(self) -> int:
        taken = set(self._ports.values())
        for port in _candidates(os.getpid()):
            if port not in taken and is_free(port):
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
