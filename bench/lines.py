"""One figure of the bench, and the arithmetic behind it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class BenchError(Exception):
    """A measurement did not do its work, so it has no figure. The message describes the failure."""


class NotThere(BenchError):
    """This checkout lacks the feature of a line."""


@dataclass(frozen=True)
class Line:
    """A figure: ``value`` is the median of ``samples``, one per round. ``note`` adds the conditions."""

    name: str
    unit: str
    samples: tuple[float, ...]
    note: str = ""

    @property
    def value(self) -> float:
        """The median, which one disturbed round does not move."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """The range of the samples as a share of the median; 0 for a median of 0."""
        return (max(self.samples) - min(self.samples)) / abs(self.value) if self.value else 0.0


@dataclass(frozen=True)
class Earlier:
    """The same line in a committed results file."""

    value: float
    file: str


def show(line: Line, earlier: Earlier | None) -> str:
    """Return ``name value unit  # ratio to the committed figure; all samples and their spread; note``."""
    remarks: list[str] = []
    if earlier is not None and earlier.value:
        remarks.append(f"{line.value / earlier.value:.2f}x of {shown(earlier.value)}")
    if len(line.samples) > 1:
        remarks.append("all: " + " ".join(map(shown, line.samples)) + f" (spread {line.spread:.0%})")
    if line.note:
        remarks.append(line.note)
    comment = f"  # {'; '.join(remarks)}" if remarks else ""
    return f"{line.name} {shown(line.value)} {line.unit}{comment}"


def shown(value: float) -> str:
    """Return a figure with three significant digits, whole from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least ``share`` (0 to 1) of all do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the increase of y per x, by least squares. Raises ``BenchError`` for fewer than two x."""
    if len({x for x, _ in points}) < 2:
        raise BenchError("a slope needs two points at least")
    return statistics.linear_regression(*zip(*points, strict=True)).slope
