"""The arithmetic of a paired comparison: ratios within each pair, their median, and how much worse is too much."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.lines import shown
from bench.plan import LINES
from bench.targets import MORE_IS_BETTER

#: By how much the median may be worse: CPU hardly moves with the noise of the machine, wall time does.
CPU_TOLERANCE, WALL_TOLERANCE = 0.05, 0.15
Figures = Mapping[str, tuple[float, str]]


@dataclass(frozen=True)
class Pair:
    """The figures, value and unit by name, of the base and of this checkout, measured one after the other."""

    base: Figures
    here: Figures


@dataclass(frozen=True)
class Compared:
    """One line over all pairs; ``ratios`` are here over base."""

    name: str
    unit: str
    base: float
    here: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        """Return ``name ratio x  # medians of both sides, every ratio, the verdict``."""
        each = " ".join(f"{ratio:.3f}" for ratio in self.ratios)
        bound = tolerance(self.name, self.unit)
        verdict = "not judged" if bound is None else f"{'worse' if is_worse(self) else 'within'} {bound:.0%}"
        medians = f"{shown(self.base)} -> {shown(self.here)} {self.unit}"
        return f"{self.name} {self.ratio:.3f} x  # {medians}; all: {each}; {verdict}"


def parse(output: str) -> dict[str, tuple[float, str]]:
    """Return value and unit of each line that the bench printed."""
    found = {}
    for line in output.splitlines():
        words = line.partition("#")[0].split()
        if len(words) == 3:
            found[words[0]] = float(words[1]), words[2]
    return found


def compared(pairs: Sequence[Pair]) -> list[Compared]:
    """Return the lines that every side of every pair has, in the order of the first pair. Zeros have no ratio."""
    names = [name for name in pairs[0].here if all(_has(pair, name) for pair in pairs)]
    return [_over(name, pairs) for name in names]


def _has(pair: Pair, name: str) -> bool:
    return name in pair.base and name in pair.here and pair.base[name][0] > 0 and pair.here[name][0] > 0


def _over(name: str, pairs: Sequence[Pair]) -> Compared:
    base, here = [pair.base[name][0] for pair in pairs], [pair.here[name][0] for pair in pairs]
    ratios = tuple(after / before for before, after in zip(base, here, strict=True))
    return Compared(name, pairs[0].here[name][1], statistics.median(base), statistics.median(here), ratios)


def tolerance(name: str, unit: str) -> float | None:
    """Return by how much a line may be worse; ``None`` for one that is shown only.

    That is memory, the parts of each process, and the bench's own CPU.
    """
    is_whole = any(name in names for names in LINES.values())
    if not is_whole or name.startswith("stock_") or "generator" in name or unit.lower() in {"mb", "kb"}:
        return None
    return CPU_TOLERANCE if "cpu_ms" in name else WALL_TOLERANCE


def is_worse(line: Compared) -> bool:
    """Return whether the median is worse by more than the tolerance."""
    bound = tolerance(line.name, line.unit)
    if bound is None:
        return False
    return line.ratio < 1 - bound if line.unit in MORE_IS_BETTER else line.ratio > 1 + bound
