"""``kafka.produce``: records for other systems' topics."""

from connectors.tools.kafka.produce import PRODUCERS, produce

__all__ = ["PRODUCERS", "produce"]
