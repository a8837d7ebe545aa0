"""Guards of installed packages, found by the entry points that those declare::

    [project.entry-points."agentflow.guards"]
    groundedness = "my_package.grounded:score"

A function gets the answer, the texts that the model had read, and the guard's ``options``, and returns a score from 0
to 1. One that cannot be loaded is said in the log; guards that use it let nothing pass.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from services.security.guards.checks import Scorer

log = logging.getLogger(__name__)

GROUP = "agentflow.guards"


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def installed_scorers(find: Callable[[], Iterable[EntryPoint]] = _installed) -> Mapping[str, Scorer]:
    """Return the functions by the names of their entry points."""
    found: dict[str, Scorer] = {}
    for point in find():
        try:
            made = point.load()
        except Exception as exc:  # noqa: BLE001 - a module may do anything when it is imported
            log.error(  # noqa: TRY400 - it names the cause
                "the guard %r (%s) was not loaded: %s", point.name, point.value, exc, extra={"action": "guard_broken"}
            )
            continue
        if callable(made):
            found[point.name] = made
        else:
            log.error("the guard %r (%s) cannot be called", point.name, point.value, extra={"action": "guard_broken"})
    return found
