"""The modules of this package that measure: those with ``AIMS`` and ``measure``, found by their files."""

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from bench.lines import Line, NotThere
from bench.prove.area import Area, Part
from bench.prove.privacy.aims import all_aims
from deploy.local.engines.progress import Progress

PACKAGE = __name__.rpartition(".")[0]
NO_PARTS = frozenset({"aims", "parts"})


def found_parts() -> tuple[Part, ...]:
    """Return the modules that measure, by name. Raises ``TypeError`` for one without ``AIMS`` or ``measure``."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return tuple(as_part(importlib.import_module(f"{PACKAGE}.{name}")) for name in names if name not in NO_PARTS)


def as_part(module: ModuleType) -> Part:
    """Return a module as a part. Raises ``TypeError`` when it is none."""
    if not hasattr(module, "AIMS") or not callable(getattr(module, "measure", None)):
        raise TypeError(f"{module.__name__} needs AIMS and measure(quick, progress)")
    return cast("Part", module)


def area_of_parts(name: str, summary: str, parts: Sequence[Part]) -> Area:
    """Return the area of all figures of ``aims`` and of those that parts add.

    A part that cannot be measured here (``NotThere``: a corpus that is absent) has no lines, and its figures are
    printed as not measured; any other failure fails the area.
    """
    aims = {aim.name: aim for aim in all_aims()} | {aim.name: aim for part in parts for aim in part.AIMS}

    def measure(quick: bool, progress: Progress) -> Sequence[Line]:
        return [line for part in parts for line in _measured(part, quick, progress)]

    return Area(name, summary, tuple(aims.values()), measure, judged_when_quick=True)


def _measured(part: Part, quick: bool, progress: Progress) -> Sequence[Line]:
    try:
        return part.measure(quick, progress)
    except NotThere as exc:
        progress(f"NOT MEASURED: {exc}")
        return []
