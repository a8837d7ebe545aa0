"""What an area of acceptance figures is: its lines with floors and goals, and how they are measured."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bench.lines import BenchError, Line, shown
from bench.targets import MORE_IS_BETTER, TARGETS, Verdict
from deploy.local.engines.progress import Progress


class Bound(NamedTuple):
    """From ``least`` to ``most``, both included; ``None`` leaves a side open."""

    least: float | None
    most: float | None

    def holds(self, value: float) -> bool:
        """Return whether a figure is within."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """Return it as people write it."""
        if self.least is not None and self.most is not None:
            exact = self.least == self.most
            return shown_exactly(self.least) if exact else f"{shown_exactly(self.least)}-{shown_exactly(self.most)}"
        return f">={shown_exactly(self.least)}" if self.least is not None else f"<={shown_exactly(self.most or 0)}"


def at_least(value: float) -> Bound:
    """Return the bound of a figure of which more is better."""
    return Bound(value, None)


def at_most(value: float) -> Bound:
    """Return the bound of a figure of which less is better."""
    return Bound(None, value)


def between(least: float, most: float) -> Bound:
    """Return the bound of a figure that should be neither small nor large."""
    return Bound(least, most)


def shown_exactly(value: float) -> str:
    """Return a bound's number without an exponent."""
    return f"{value:,.10g}".replace(",", "")


@dataclass(frozen=True)
class Aim:
    """A line by its name. ``floor`` must hold, ``goal`` is what we are after; a line without both is shown only."""

    name: str
    unit: str
    floor: Bound | None = None
    goal: Bound | None = None

    def verdict(self, value: float) -> Verdict | None:
        """Return how a figure stands to the aim; ``None`` when there is nothing to hold."""
        if self.goal is not None and self.goal.holds(value):
            return Verdict.GOAL
        if self.floor is None:
            return None
        return Verdict.FLOOR if self.floor.holds(value) else Verdict.MISSED


def aim_of_bench(name: str, unit: str) -> Aim:
    """Return the aim of a line of ``make bench``, with the floor and goal it has there."""
    target, bound = TARGETS.get(name), at_least if unit in MORE_IS_BETTER else at_most
    return Aim(name, unit) if target is None else Aim(name, unit, bound(target.floor), bound(target.goal))


@dataclass(frozen=True)
class Area:
    """Lines that are proved together.

    ``measure(quick, progress)`` returns them, or yields each once it is measured, or raises ``BenchError``. A quick run
    may leave lines out; it is ``judged_when_quick`` only where its figures are those of a whole run.
    """

    name: str
    summary: str
    aims: Sequence[Aim]
    measure: Callable[[bool, Progress], Iterable[Line]]
    judged_when_quick: bool


class Part(Protocol):
    """A module with some of an area's lines."""

    @property
    def AIMS(self) -> Sequence[Aim]:  # noqa: N802 - a module's constant
        """The lines' aims."""
        ...

    def measure(self, quick: bool, progress: Progress) -> Sequence[Line]:
        """Return the lines. Raises ``BenchError``."""
        ...


def area_of(name: str, summary: str, parts: Sequence[Part], *, judged_when_quick: bool) -> Area:
    """Return the area that is measured part by part."""

    def measure(quick: bool, progress: Progress) -> Iterator[Line]:
        return lines_of(parts, quick, progress)

    return Area(name, summary, [aim for part in parts for aim in part.AIMS], measure, judged_when_quick)


def lines_of(parts: Sequence[Part], quick: bool, progress: Progress) -> Iterator[Line]:
    """Yield the lines of each part once it is measured.

    A part that fails, by whatever exception, does not keep the others from being measured. Raises ``BenchError`` after
    the last one, with all that failed.
    """
    failures = list[str]()
    for part in parts:
        began, name = time.monotonic(), str(getattr(part, "__name__", type(part).__name__)).rpartition(".")[2]
        try:
            yield from part.measure(quick, progress)
        except Exception as exc:  # noqa: BLE001 - whatever ends one part must not lose what the others measure
            said = str(exc) if isinstance(exc, BenchError) else f"{type(exc).__name__}: {exc}"
            progress(f"{name} FAILED: {said}")
            failures.append(f"{name}: {said}")
        progress(f"{name} took {time.monotonic() - began:.0f} s")
    if failures:
        raise BenchError("; ".join(failures))


def line_of(aims: Sequence[Aim], name: str, figure: float | Sequence[float], note: str = "") -> Line:
    """Return the line of an aim, of one figure or of several samples."""
    samples = tuple(figure) if isinstance(figure, Sequence) else (figure,)
    return Line(name, next(aim.unit for aim in aims if aim.name == name), samples, note)


def is_absolute(unit: str) -> bool:
    """Return whether a figure of this unit depends on how fast the machine is."""
    return unit.endswith("/s") or unit in {"ms", "s", "us"}


def listed(area: Area) -> list[str]:
    """Return a row for each line, as ``--list`` prints it."""
    return [f"{area.name} {aim.name} {aim.unit}{_aims(aim)}" for aim in area.aims]


def printed(line: Line, aim: Aim | None, machine: str, *, judged: bool) -> str:
    """Return ``name value unit  # floor, goal, verdict; how fast the machine is; the line's note``."""
    remarks = []
    if aim is not None and (aim.floor or aim.goal):
        verdict = aim.verdict(line.value) if judged else None
        remarks.append(_aims(aim).strip() + (f": {verdict.value}" if verdict else ""))
    if is_absolute(line.unit):
        remarks.append(machine)
    if line.note:
        remarks.append(line.note)
    return f"{line.name} {shown(line.value)} {line.unit}" + (f"  # {'; '.join(remarks)}" if remarks else "")


def missed(area: Area, lines: Sequence[Line]) -> list[str]:
    """Return the names of the lines that were measured and are below their floor."""
    aims = {aim.name: aim for aim in area.aims}
    return [ln.name for ln in lines if ln.name in aims and aims[ln.name].verdict(ln.value) is Verdict.MISSED]


def _aims(aim: Aim) -> str:
    parts = [(word, bound) for word, bound in (("floor", aim.floor), ("goal", aim.goal)) if bound is not None]
    return "".join(f" {word} {bound}" for word, bound in parts)
