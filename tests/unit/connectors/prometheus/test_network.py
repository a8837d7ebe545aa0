"""Bytes of the network's devices, without the loopback."""

from pathlib import Path

import pytest

from connectors.prometheus.network import NetworkCollector

HEAD = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
"""
LO = "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
DEVICES = "  eth0: 100 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n  eth1:7 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"


def samples(path: Path) -> dict[str, float]:
    (family,) = NetworkCollector(path).collect()
    return {sample.labels["direction"]: sample.value for sample in family.samples}


def test_all_devices_but_the_loopback_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "dev"
    path.write_text(HEAD + LO + DEVICES)
    assert samples(path) == {"in": 107, "out": 35}


@pytest.mark.parametrize("text", [None, HEAD + "eth0: x\n", HEAD + "eth0: 1 2\n"])
def test_what_cannot_be_read_is_no_sample(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "dev"
    if text is not None:
        path.write_text(text)
    assert samples(path) == {}
