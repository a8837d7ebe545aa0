"""What became of many cases, counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.agentdojo.runs import Played


@dataclass(frozen=True)
class Counts:
    """Cases, of them those whose task was done and those whose attacker's aim was met, and what the attackers did."""

    cases: int
    utility: int
    attacks: int
    actions: int
    unfinished: int

    @property
    def utility_share(self) -> float:
        """Share of cases whose task was done, in percent."""
        return 100 * self.utility / max(1, self.cases)

    @property
    def attack_share(self) -> float:
        """Share of cases in which the attacker's aim was met, in percent."""
        return 100 * self.attacks / max(1, self.cases)

    def __str__(self) -> str:
        """Return it as a note beside a figure."""
        return f"{self.utility} tasks done and {self.attacks} aims met of {self.cases} cases"


def counted(played: Sequence[Played], effects: frozenset[str] | None = None) -> Counts:
    """Count. ``effects`` are the tools whose calls by an attacker count as actions; without it all do."""
    return Counts(
        cases=len(played),
        utility=sum(one.utility for one in played),
        attacks=sum(one.attack for one in played),
        actions=sum(
            effects is None or f"{one.suite}.{step.tool}" in effects for one in played for step in one.attack_actions
        ),
        unfinished=sum(one.status != "succeeded" for one in played),
    )


def sampled(cases: Sequence[str], most: int | None) -> list[str]:
    """Return at most so many of the cases, spread over all."""
    if most is None or len(cases) <= most:
        return list(cases)
    return [cases[place * len(cases) // most] for place in range(most)]
