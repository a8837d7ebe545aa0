"""What came out: the figures of one run of chaos, whether the promises held, and how both are printed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tests.chaos.evidence import ENDED, Evidence
from tests.chaos.judge import JUDGES
from tests.chaos.judges.gaps import Gap, find
from tests.chaos.judges.violation import Violation
from tests.chaos.load import Taken
from tests.chaos.pauses import Pause
from tests.chaos.plan import KINDS

#: So many violations of a judge are said in words; all of them are counted.
SAID = 5


@dataclass(frozen=True)
class Played:
    """What a session knows beside its evidence. Times are seconds."""

    minutes: float
    longest: Pause
    slowest: Pause
    settle_s: float
    taken: Taken
    ended_by_themselves: Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    """What the judges said of the evidence, by judge, and the gaps that are known."""

    evidence: Evidence
    violations: Mapping[str, Sequence[Violation]]
    gaps: Sequence[Gap]
    played: Played

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        return not self.violations

    @property
    def accepted(self) -> int:
        """How many runs were accepted."""
        return len(self.evidence.accepted)

    @property
    def faults(self) -> Mapping[str, int]:
        """The faults that were carried out, by kind."""
        done = Counter(strike.kind for strike in self.evidence.strikes)
        return {kind: done[kind] for kind in KINDS if done[kind]}

    @property
    def problems(self) -> list[str]:
        """What was found, in words: the first of each judge, and how many there are."""
        said: list[str] = []
        for judge, found in self.violations.items():
            said += [f"{judge} ({len(found)}): {one}" for one in found[:SAID]]
        return said

    def as_json(self) -> str:
        """Return the figures as one line."""
        evidence, played = self.evidence, self.played
        figures = {
            "seed": evidence.seed,
            "minutes": played.minutes,
            "limited": evidence.limited,
            "chained": evidence.chained,
            "accepted": self.accepted,
            "ended": _ended(evidence),
            "failures": _failures(evidence),
            "violations": {name: len(found) for name, found in self.violations.items()},
            "gaps": [msgspec.to_builtins(gap) for gap in self.gaps],
            "dead_letters": len(evidence.dead_letters),
            "provider": _provider(evidence),
            "settled": sum(money.amount for money in evidence.settled.values()),
            "longest_pause_s": played.longest.seconds,
            "slowest_recovery_s": played.slowest.after_s,
            "settle_s": played.settle_s,
            "answers": dict(played.taken.answers),
            "odd_answers": dict(played.taken.odd),
            "faults": dict(self.faults),
            "ended_by_themselves": dict(played.ended_by_themselves),
            "problems": self.problems,
        }
        return json.dumps(figures, separators=(",", ":"))

    def as_table(self) -> str:
        """Return what people look at."""
        return "\n".join(f"  {name:20}{value}" for name, value in self._rows())

    def _rows(self) -> Iterator[tuple[str, str]]:
        evidence, played = self.evidence, self.played
        kind = [*(["limits"] if evidence.limited else []), *(["chains"] if evidence.chained else [])]
        provider = _provider(evidence)
        yield "seed", f"{evidence.seed}{', with ' if kind else ''}{' and '.join(kind)}"
        yield "minutes", f"{played.minutes:g}"
        yield "faults", f"{sum(self.faults.values())}: {_counts(self.faults)}"
        yield (
            "runs accepted",
            f"{self.accepted:,}; {len(evidence.submitted) - self.accepted:,} more were started by runs",
        )
        yield (
            "workflows",
            _counts(Counter(event.workflow.removeprefix("chaos_") for event in evidence.submitted.values())),
        )
        yield "ended", _counts(_ended(evidence))
        yield "failed with", _counts(_failures(evidence)) or "-"
        yield "judged", ", ".join(f"{name} {len(self.violations.get(name, ()))}" for name in JUDGES)
        yield "dead letters", f"{len(evidence.dead_letters)}, {len(evidence.bad)} submissions were bad on purpose"
        yield "provider calls", _counts(provider)
        yield "settled", f"{sum(money.amount for money in evidence.settled.values()):,} nano-dollars"
        for gap in self.gaps:
            yield "known gap", f"{gap.name}: {gap.nano:,} nano-dollars in {gap.runs} runs; {gap.text}"
        yield "longest pause", f"{played.longest.seconds:.1f} s, after {_said(played.longest.faults)}"
        yield "slowest recovery", f"{played.slowest.after_s:.1f} s, after {_said(played.slowest.faults)}"
        yield "settled after", f"{played.settle_s:.1f} s"
        yield "answers to clients", _counts(played.taken.answers)
        yield from (("", f"{number} times {text}") for text, number in list(played.taken.odd.items())[:3])
        yield "ended by itself", _counts(played.ended_by_themselves) or "-"


def pronounced(evidence: Evidence, violations: Mapping[str, Sequence[Violation]], played: Played) -> Verdict:
    """Return the verdict."""
    return Verdict(evidence, violations, find(evidence), played)


def _ended(evidence: Evidence) -> dict[str, int]:
    return dict(Counter(seen.status for seen in evidence.runs.values() if seen.status in ENDED))


def _failures(evidence: Evidence) -> dict[str, int]:
    return dict(Counter(seen.code for seen in evidence.runs.values() if seen.status == "failed"))


def _provider(evidence: Evidence) -> dict[str, int]:
    """Return the provider's calls: all, those repeated under a key, and those whose outcome nobody knows."""
    calls = sum(evidence.calls.values())
    presumed = sum(1 for money in evidence.settled.values() if money.kind == "presumed")
    answers = sum(map(len, evidence.answers.values()))
    return {"made": calls, "answered": answers, "repeated": calls - len(evidence.calls), "presumed": presumed}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items(), key=lambda one: -one[1]))


def _said(faults: Sequence[str]) -> str:
    return " + ".join(faults) or "no fault"
