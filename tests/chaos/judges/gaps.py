"""Where today's rules are known to fall short: printed with their numbers, and no broken promise."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from tests.chaos.evidence import Evidence
from tests.chaos.judges.overspend import windows


class Gap(msgspec.Struct, frozen=True):
    """``name`` says what falls short, ``nano`` by how much in all, ``runs`` in how many runs, ``text`` how."""

    name: str
    nano: int
    runs: int
    text: str


def find(evidence: Evidence) -> Sequence[Gap]:
    """Return the known gaps with what they amount to here."""
    return [_unattributed(evidence), *_over_caps(evidence), _over_budgets(evidence)]


def _unattributed(evidence: Evidence) -> Gap:
    """Settlements that are in no run's cost; ``costs`` judges those of runs that are known."""
    left = {run: amount - evidence.runs[run].cost for run, amount in evidence.ledger.items() if run in evidence.runs}
    left |= {run: amount for run, amount in evidence.ledger.items() if run not in evidence.runs}
    total = sum(money.amount for money in evidence.settled.values())
    share = sum(left.values()) / total if total else 0
    runs = sum(1 for amount in left.values() if amount)
    text = f"settled and in no run's cost, {share:.1%} of {total:,}"
    return Gap("settled, in no run", sum(left.values()), runs, text)


def _over_caps(evidence: Evidence) -> list[Gap]:
    spent: dict[str, int] = defaultdict(int)
    for money in evidence.settled.values():
        spent[money.run] += money.amount
    over: dict[bool, dict[str, float]] = {True: {}, False: {}}
    excess = {True: 0, False: 0}
    for run in evidence.submitted:
        expected = evidence.expectation(run)
        if expected is not None and expected.cap_nano and spent[run] > expected.cap_nano:
            over[expected.in_line][run] = spent[run] / expected.cap_nano
            excess[expected.in_line] += spent[run] - expected.cap_nano
    return [
        Gap(
            f"over the cap, {'one after another' if in_line else 'at once'}",
            excess[in_line],
            len(over[in_line]),
            f"at most {max(over[in_line].values(), default=0):.1f} times the run's cap",
        )
        for in_line in (True, False)
    ]


def _over_budgets(evidence: Evidence) -> Gap:
    """What late starts brought a budget over its limit, at most, in any window."""
    most: dict[tuple[str, str, str], int] = defaultdict(int)
    for limit, window, _, total in windows(evidence):
        where = limit.org, limit.name, window
        most[where] = max(most[where], total - limit.most)
    text = "at some offset of the log, by holds that were lost while their caller was suspended"
    return Gap("over a budget", sum(most.values()), 0, text)
