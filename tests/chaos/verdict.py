"""What came out: the figures of one run of chaos, whether the promises held, and how both are printed."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.chaos.hands import Done
from tests.chaos.money import Bill
from tests.chaos.pauses import Pause
from tests.chaos.plan import KINDS
from tests.support.checker import Report
from tests.support.seen import Seen


@dataclass(frozen=True)
class Verdict:
    """Money is in nano-dollars, times in seconds. ``problems`` are what makes it fail, in words.

    ``unknown_calls`` are calls whose outcome nobody knows and that stand as presumed; ``repeated_calls`` those that
    the provider got again under the same idempotency key; ``unrecorded_calls`` those whose caller did not live to
    record them; ``repeats`` is the part of ``unsettled`` under keys of which another answer is settled. ``over_cap`` is
    what was spent beyond the capped workflow's budget.
    """

    seed: int
    minutes: float
    accepted: int
    ended: Mapping[str, int]
    failures: Mapping[str, int]
    lost: int
    doubled: int
    unknown_calls: int
    calls: int
    repeated_calls: int
    unrecorded_calls: int
    longest_pause_s: float
    longest_pause_after: Sequence[str]
    slowest_recovery_s: float
    slowest_recovery_after: Sequence[str]
    money_difference: int
    billed: int
    settled: int
    unsettled: int
    invented: int
    mispriced: int
    repeats: int
    presumed: int
    table_difference: int
    rows_difference: int
    over_cap: int
    settle_s: float
    answers: Mapping[str, int]
    odd_answers: Mapping[str, int]
    faults: Mapping[str, int]
    ended_by_themselves: Mapping[str, int]
    problems: Sequence[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        return not self.problems and not (self.lost or self.doubled or self.money_difference)

    def as_json(self) -> str:
        """Return everything as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def as_table(self) -> str:
        """Return what people look at."""
        rows = [
            ("seed", str(self.seed)),
            ("minutes", f"{self.minutes:g}"),
            ("faults", f"{sum(self.faults.values())}: {_counts(self.faults)}"),
            ("runs accepted", f"{self.accepted:,}"),
            ("ended", _counts(self.ended)),
            ("failed with", _counts(self.failures) or "-"),
            ("lost", str(self.lost)),
            ("doubled", str(self.doubled)),
            ("provider calls", f"{self.calls:,}, repeated {self.repeated_calls}, unrecorded {self.unrecorded_calls}"),
            ("outcome unknown", f"{self.unknown_calls} calls, {self.presumed:,} nano-dollars presumed"),
            ("longest pause", f"{self.longest_pause_s:.1f} s, after {_said(self.longest_pause_after)}"),
            ("slowest recovery", f"{self.slowest_recovery_s:.1f} s, after {_said(self.slowest_recovery_after)}"),
            ("billed", f"{self.billed:,} nano-dollars by the provider, {self.settled:,} settled as actual"),
            ("money's difference", f"{self.money_difference} nano-dollars"),
            ("of it", f"unsettled {self.unsettled}, invented {self.invented}, mispriced {self.mispriced}"),
            ("", f"budgets table {self.table_difference}, ClickHouse {self.rows_difference}"),
            ("spent over the cap", f"{self.over_cap} nano-dollars"),
            ("settled after", f"{self.settle_s:.1f} s"),
            ("answers to clients", _counts(self.answers)),
            *(("", f"{number} times {text}") for text, number in list(self.odd_answers.items())[:3]),
            ("ended by itself", _counts(self.ended_by_themselves) or "-"),
        ]
        return "\n".join(f"  {name:20}{value}" for name, value in rows)


def judge(
    *,
    seed: int,
    minutes: float,
    report: Report,
    seen: Seen,
    bill: Bill,
    calls: Mapping[str, int],
    longest: Pause,
    slowest: Pause,
    over_cap: int,
    settle_s: float,
    answers: Mapping[str, int],
    faults: Sequence[Done],
    ended_by_themselves: Mapping[str, int],
    odd: Mapping[str, int],
    refused: Sequence[str],
    turns: Sequence[str],
) -> Verdict:
    """Return the verdict. ``calls`` are the provider's calls by idempotency key."""
    recorded = sum(1 for call in seen.calls.values() if not call.cached)
    problems = [*report.problems, *turns]
    if bill.difference:
        problems.append(
            f"provider and settlements differ: unsettled {bill.unsettled}, invented {bill.invented}, "
            f"mispriced {bill.mispriced} nano-dollars, e.g. under the keys {', '.join(bill.keys)}"
        )
    problems += [f"a submission was refused: {why}" for why in refused[:3]]
    done = Counter(one.fault.kind for one in faults)
    return Verdict(
        seed=seed,
        minutes=minutes,
        accepted=report.accepted,
        ended=report.by_status,
        failures=dict(seen.failures),
        lost=len(report.lost),
        doubled=len(report.doubled),
        unknown_calls=bill.unknown_calls,
        calls=sum(calls.values()),
        repeated_calls=sum(calls.values()) - len(calls),
        unrecorded_calls=max(0, sum(calls.values()) - recorded),
        longest_pause_s=longest.seconds,
        longest_pause_after=longest.faults,
        slowest_recovery_s=slowest.after_s,
        slowest_recovery_after=slowest.faults,
        money_difference=bill.difference + report.money_difference_nano,
        billed=bill.billed,
        settled=bill.settled,
        unsettled=bill.unsettled,
        invented=bill.invented,
        mispriced=bill.mispriced,
        repeats=bill.repeats,
        presumed=bill.presumed,
        table_difference=report.table_difference_nano,
        rows_difference=report.rows_difference_nano,
        over_cap=over_cap,
        settle_s=settle_s,
        answers=dict(answers),
        odd_answers=dict(odd),
        faults={kind: done[kind] for kind in KINDS if done[kind]},
        ended_by_themselves=dict(ended_by_themselves),
        problems=problems,
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items(), key=lambda one: -one[1]))


def _said(faults: Sequence[str]) -> str:
    return " + ".join(faults) or "no fault"
