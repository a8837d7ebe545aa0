"""Area ``surface``: what people touch. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from bench.prove.area import area_of
from bench.prove.surface import agentctl, keys, queues, sdk

PARTS = (agentctl, keys, sdk, queues)


AREA = area_of(
    "surface",
    "what people touch: organisations and keys, the SDK, the command line, queues",
    PARTS,
    judged_when_quick=True,
)
