"""``kafka.produce``: records for other systems' topics."""

from connectors.tools.kafka.produce import produce
from connectors.tools.kafka.producers import PRODUCERS

__all__ = ["PRODUCERS", "produce"]
