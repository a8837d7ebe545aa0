"""Ports of local servers: in range, remembered, and not the same ones for those that start at the same moment."""

import socket
from pathlib import Path

from deploy.local.engines.ports import BLOCK, FIRST_PORT, LAST_PORT, LOOPBACK, PortBook, _candidates

PIDS = range(100_000, 100_010)


def test_processes_that_start_together_try_different_ports_first() -> None:
    tried = [set(_candidates(pid)[:BLOCK]) for pid in PIDS]
    assert sum(map(len, tried)) == len(PIDS) * BLOCK == len(set().union(*tried))


def test_all_candidates_are_in_the_range() -> None:
    for pid in (1, 119, 120, 4_194_304):
        assert all(FIRST_PORT <= port < LAST_PORT for port in _candidates(pid))


def test_a_name_keeps_its_port(tmp_path: Path) -> None:
    ports = PortBook(tmp_path / "ports.json")
    chosen = {name: ports.port(name) for name in ("kafka", "redis")}
    assert len(set(chosen.values())) == len(chosen)
    assert {name: PortBook(tmp_path / "ports.json").port(name) for name in chosen} == chosen


def test_a_port_with_a_second_one_above_keeps_both(tmp_path: Path) -> None:
    ports = PortBook(tmp_path / "ports.json")
    chosen = {name: ports.port_with_bus(name, 10_000) for name in ("node-1", "node-2", "node-3")}
    both = [*chosen.values(), *(port + 10_000 for port in chosen.values())]
    assert len(set(both)) == 6
    # No client gets the upper one by chance, and no other name gets either.
    assert all(FIRST_PORT <= port + 10_000 < LAST_PORT for port in chosen.values())
    assert ports.port("redis") not in both
    assert {name: PortBook(tmp_path / "ports.json").port_with_bus(name, 10_000) for name in chosen} == chosen


def test_a_port_whose_second_one_was_taken_is_chosen_again(tmp_path: Path) -> None:
    ports = PortBook(tmp_path / "ports.json")
    port = ports.port_with_bus("node", 10_000)
    with socket.create_server((LOOPBACK, port + 10_000)):
        assert PortBook(tmp_path / "ports.json").port_with_bus("node", 10_000) != port
