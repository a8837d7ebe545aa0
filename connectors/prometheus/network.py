"""How much goes over the network of the container or machine, without the loopback. Linux only."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.prometheus.families import counter_family
from schemas.metrics import NETWORK_BYTES_TOTAL

_DEVICES = Path("/proc/self/net/dev")
_LOOPBACK = "lo"
#: Columns of a device's row: bytes received, and bytes sent.
_IN, _OUT = 0, 8


class NetworkCollector(Collector):
    """Reads the counts of all devices at scrape time; where they cannot be read there is no sample."""

    def __init__(self, devices: Path = _DEVICES) -> None:
        self._devices = devices

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        family = counter_family(NETWORK_BYTES_TOTAL)
        try:
            rows = list(_rows(self._devices.read_text(encoding="ascii")))
            received, sent = sum(row[_IN] for row in rows), sum(row[_OUT] for row in rows)
        except (OSError, ValueError, IndexError):
            return [family]
        family.add_metric(["in"], received)
        family.add_metric(["out"], sent)
        return [family]


def _rows(text: str) -> Iterator[list[int]]:
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() != _LOOPBACK:
            yield [int(number) for number in numbers.split()]
