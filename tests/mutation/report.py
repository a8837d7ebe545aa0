"""What ``make mutate`` prints at the end: a ``name value unit`` line per figure, then the survivors in comments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.equivalents import Equivalent
from tests.mutation.figures import Share
from tests.mutation.mutant import Mutant
from tests.mutation.results import Result
from tests.mutation.sample import AREAS, area_of

HELD, UNFINISHED, MISSED = 0, 1, 3


@dataclass(frozen=True)
class Outcome:
    """The sample, what is known of it, and the list of equivalent mutants with its stale entries."""

    sample: Sequence[Mutant]
    results: Mapping[str, Result]
    equivalent: Sequence[Equivalent] = ()
    stale: Sequence[Equivalent] = field(default=())

    def share(self, area: str = "") -> Share:
        """Return the share of the mutants that were tried, of one area or of all."""
        found = [r for m in self._judged() if m.path.startswith(area) and (r := self.results.get(m.name))]
        return Share(sum(result.is_killed for result in found), len(found))

    def survivors(self) -> list[Mutant]:
        """Return those that were tried, lived, and are not listed as equivalent."""
        return [m for m in self._judged() if (r := self.results.get(m.name)) and not r.is_killed]

    def untried(self) -> int:
        """Return how many of the sample have no result."""
        return sum(mutant.name not in self.results for mutant in self._judged())

    def exit_code(self) -> int:
        """Return 3 below the floor, 1 when mutants are left to try or a listed one is stale, else 0."""
        if self.share().tried and not self.share().holds_floor():
            return MISSED
        return UNFINISHED if self.untried() or self.stale else HELD

    def _judged(self) -> list[Mutant]:
        """A listed mutant that some test kills after all counts as killed."""
        listed = {entry.name for entry in self.equivalent}
        killed = {name for name, result in self.results.items() if result.is_killed}
        return [mutant for mutant in self.sample if mutant.name not in listed or mutant.name in killed]


def report(outcome: Outcome, root: Path) -> list[str]:
    """Return the lines to print."""
    share, lived = outcome.share(), outcome.survivors()
    lines = [share.line(), f"mutants_tried {share.tried} mutants", f"mutants_survived {len(lived)} mutants"]
    lines += [_area_line(outcome, area) for area in AREAS if any(area_of(m.path) == area for m in outcome.sample)]
    for mutant in lived:
        lines += ["#", f"# survivor {mutant.name}: {mutant.edit.operator} in {mutant.edit.scope or 'the module'}"]
        lines += [f"#   {line}" for line in mutant.diff((root / mutant.path).read_bytes()).splitlines()]
    lines += [f"# stale in equivalent.toml, its source has changed: {entry.text}" for entry in outcome.stale]
    if outcome.untried():
        lines.append(f"# {outcome.untried()} mutants of the sample were not tried: run it again, it goes on from here")
    return lines


def _area_line(outcome: Outcome, area: str) -> str:
    share = outcome.share(area + "/")
    return f"killed_share_{area.replace('/', '_')} {share.value:.3f} x  # {share.killed} of {share.tried}"
