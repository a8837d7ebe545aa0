"""Area ``deploy``: running it for real. A new module here with ``AIMS`` and ``measure`` is a part of it."""

from bench.prove.parts import area_of_parts, found_parts

AREA = area_of_parts(
    "deploy",
    "running it for real: manifests, images, scaling, high availability, backup and restore, upgrades",
    found_parts(__name__, __path__),
)
