"""Engines beside the rules, by the names that policies have for them."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from connectors.embeddings.minilm import missing_for_minilm
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.injection.small import load_classifier
from services.privacy.detect.ports import Engine
from services.privacy.detect.presidio import load_presidio, missing_for_presidio

#: Entry points of this group are functions without arguments that return an ``Engine``.
GROUP: Final = "agentflow.detectors"
_OURS: Final[Mapping[str, Callable[[], Engine]]] = {"presidio": load_presidio, "classifier": load_classifier}
_MISSING: Final[Mapping[str, Callable[[], list[str]]]] = {
    "presidio": missing_for_presidio,
    "classifier": missing_for_minilm,
}


@cache
def engine_named(name: str) -> Engine:
    """Return an engine, loaded once in a process: ``presidio``, ``classifier``, or an entry point of ``GROUP``.

    Raises ``DetectorFailed`` for one that is not installed or does not load: a policy that names it must not be
    obeyed without it.
    """
    if name in _OURS:
        return _OURS[name]()
    for point in entry_points(group=GROUP, name=name):
        try:
            engine: Engine = point.load()()
        except Exception as exc:
            raise DetectorFailed("not_installed", f"engine {name!r} did not load ({type(exc).__name__})") from exc
        return engine
    raise DetectorFailed("not_installed", f"no engine {name!r}: install a package with it in the group {GROUP}")


def not_installed(name: str) -> str:
    """Return why an engine cannot be used in this process, empty if it can; nothing is loaded."""
    if name in _MISSING:
        missing = _MISSING[name]()
        return f"needs {', '.join(missing)}, which are not installed here" if missing else ""
    return "" if entry_points(group=GROUP, name=name) else f"is no engine here: none is in the group {GROUP}"
