"""Every area there is. A new one is a module or package beside this with an ``AREA``, and a row here."""

from bench.prove import (
    calls,
    deploy,
    doors,
    engine,
    firsthour,
    flow,
    house,
    observability,
    privacy,
    prompts,
    rollouts,
    surface,
)
from bench.prove.area import Area

_ALL = (
    house.AREA,
    engine.AREA,
    firsthour.AREA,
    calls.AREA,
    surface.AREA,
    prompts.AREA,
    rollouts.AREA,
    observability.AREA,
    flow.AREA,
    privacy.AREA,
    doors.AREA,
    deploy.AREA,
)

AREAS: dict[str, Area] = {area.name: area for area in _ALL}
