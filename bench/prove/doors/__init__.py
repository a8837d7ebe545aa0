"""Area ``doors``: what other systems send and read. A new module here with ``AIMS`` and ``measure`` is a part of it."""

from bench.prove.parts import area_of_parts, found_parts

AREA = area_of_parts(
    "doors",
    "other systems: what is described, sent in and read out, through faults, and over encrypted connections",
    found_parts(__name__, __path__),
)
