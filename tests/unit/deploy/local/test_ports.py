"""Ports of local servers: in range, remembered, and not the same ones for those that start at the same moment."""

from pathlib import Path

from deploy.local.engines.ports import BLOCK, FIRST_PORT, LAST_PORT, PortBook, _candidates

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
