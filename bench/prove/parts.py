"""The modules of an area's package that measure: those with ``AIMS`` and ``measure``, found by their files."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import cast

from bench.lines import Line, NotThere
from bench.prove.area import Aim, Area, Part, lines_of
from deploy.local.engines.progress import Progress

NO_PARTS = frozenset({"aims"})


def found_parts(package: str, paths: Sequence[str]) -> tuple[Part, ...]:
    """Return the modules of a package that measure, by name: called with its ``__name__`` and ``__path__``.

    Raises ``TypeError`` for one without ``AIMS`` or ``measure``.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(paths) if not module.ispkg)
    return tuple(as_part(importlib.import_module(f"{package}.{name}")) for name in names if name not in NO_PARTS)


def as_part(module: ModuleType) -> Part:
    """Return a module as a part. Raises ``TypeError`` when it is none."""
    if not hasattr(module, "AIMS") or not callable(getattr(module, "measure", None)):
        raise TypeError(f"{module.__name__} needs AIMS and measure(quick, progress)")
    return cast("Part", module)


def area_of_parts(name: str, summary: str, parts: Sequence[Part], listed: Sequence[Aim] = ()) -> Area:
    """Return the area of the figures of its parts, after those that are ``listed`` before a part measures them.

    A part that cannot be measured here (``NotThere``: a corpus that is absent) has no lines, and its figures are
    printed as not measured; any other failure fails the area.
    """
    aims = {aim.name: aim for aim in listed} | {aim.name: aim for part in parts for aim in part.AIMS}

    def measure(quick: bool, progress: Progress) -> Iterator[Line]:
        return lines_of([_WhereThere(part) for part in parts], quick, progress)

    return Area(name, summary, tuple(aims.values()), measure, judged_when_quick=True)


class _WhereThere:
    """A part that has no lines where it cannot be measured."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.__name__ = str(getattr(part, "__name__", type(part).__name__))

    @property
    def AIMS(self) -> Sequence[Aim]:  # noqa: N802 - as the part's
        return self._part.AIMS

    def measure(self, quick: bool, progress: Progress) -> Sequence[Line]:
        try:
            return self._part.measure(quick, progress)
        except NotThere as exc:
            progress(f"NOT MEASURED: {exc}")
            return []
