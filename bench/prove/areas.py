"""Every area there is. A new one is a module beside this with an ``AREA``, and a row here."""

from bench.prove import calls, engine, firsthour, house
from bench.prove.area import Area

AREAS: dict[str, Area] = {area.name: area for area in (house.AREA, engine.AREA, firsthour.AREA, calls.AREA)}
