"""Engines beside the rules, by the names that policies have for them."""

from functools import cache
from importlib.metadata import entry_points
from typing import Final

from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.ports import Engine
from services.privacy.detect.presidio import load_presidio

#: Entry points of this group are functions without arguments that return an ``Engine``.
GROUP: Final = "agentflow.detectors"


@cache
def engine_named(name: str) -> Engine:
    """Return an engine, loaded once in a process: ``presidio``, or an entry point of ``agentflow.detectors``.

    Raises ``DetectorFailed`` for one that is not installed or does not load: a policy that names it must not be
    obeyed without it.
    """
    if name == "presidio":
        return load_presidio()
    for point in entry_points(group=GROUP, name=name):
        try:
            engine: Engine = point.load()()
        except Exception as exc:
            raise DetectorFailed("not_installed", f"engine {name!r} did not load ({type(exc).__name__})") from exc
        return engine
    raise DetectorFailed("not_installed", f"no engine {name!r}: install a package with it in the group {GROUP}")
