"""At every offset of the log of money: what is spent and held of a budget's window is within its limit, exactly.

The log is played: a start holds, a settlement releases and books, an actual one replaces a presumed one. A call's start
comes after its hold was granted, and an estimate is no less than its settlement; so what the log shows at an offset is
no more than what the last grant saw. Two exceptions are documented, both of a caller that was suspended between its
grant and the log: Redis lost the hold meanwhile, or the hold was over. Their starts come late, and that is judged.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Limit, Money

HELD = "no budget is passed"


def judge(evidence: Evidence) -> list[Violation]:
    """Play the log against every budget."""
    return [*_estimates(evidence), *_windows(evidence)]


def is_late(evidence: Evidence, start: Money) -> bool:
    """Return whether the hold of a call that starts may have been lost before the log knew of it."""
    if start.at_ms - start.booked_at_ms >= evidence.hold_ttl_ms:
        return True
    losses = (one for one in evidence.strikes if one.target == "redis" and one.kind in ("kill", "flush"))
    return any(one.began_ms <= start.at_ms and one.ended_ms >= start.booked_at_ms for one in losses)


def windows(evidence: Evidence) -> Iterator[tuple[Limit, str, Money, int]]:
    """Yield each record that raises a budget's window over its limit, with the sum there."""
    totals: dict[tuple[str, str, str], int] = defaultdict(int)
    known: dict[str, tuple[str, int, list[tuple[Limit, str]]]] = {}
    for money in sorted(evidence.money, key=lambda one: (one.partition, one.offset)):
        kind, amount, fields = known.get(money.call, ("", 0, []))
        if kind == "actual" or (kind and money.kind == "started") or (kind == "presumed" and money.kind != "actual"):
            continue
        # What was booked stays in the windows of the first record of its call.
        fields = fields or [(limit, _window(limit, money.booked_at_ms)) for limit in _limits(evidence, money)]
        known[money.call] = money.kind, money.amount, fields
        for limit, window in fields:
            where = limit.org, limit.name, window
            totals[where] += money.amount - amount
            if money.amount > amount and totals[where] > limit.most:
                yield limit, window, money, totals[where]


def _windows(evidence: Evidence) -> Iterator[Violation]:
    for limit, window, money, total in windows(evidence):
        start = evidence.started.get(money.call)
        if money.kind == "started" and start is not None and is_late(evidence, start):
            continue
        if _others_are_late(evidence, limit, money):
            continue
        text = f"{total} of {limit.most} in {window} at {money.partition}@{money.offset}, by {money.call}"
        yield Violation(HELD, f"{limit.org} {limit.name}", text)


def _others_are_late(evidence: Evidence, limit: Limit, money: Money) -> bool:
    """Return whether a late start came between this call's grant and its start: the grant did not see it."""
    return any(
        start.booked_at_ms < money.booked_at_ms <= start.at_ms <= money.at_ms and is_late(evidence, start)
        for start in evidence.started.values()
        if start.org == limit.org and start.call != money.call and limit in _limits(evidence, start)
    )


def _estimates(evidence: Evidence) -> Iterator[Violation]:
    for call, money in evidence.settled.items():
        start = evidence.started.get(call)
        if start is not None and money.amount > start.amount:
            text = f"settled at {money.amount}, held was {start.amount}"
            yield Violation("an estimate is an upper bound", call, text)


def _limits(evidence: Evidence, money: Money) -> list[Limit]:
    names = {"org": "", "workflow": money.workflow, "provider": money.provider, "model": money.model}
    return [one for one in evidence.budgets if one.org == money.org and one.target == names[one.scope]]


def _window(limit: Limit, at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return {"total": "total", "day": f"{at:%Y-%m-%d}", "month": f"{at:%Y-%m}"}[limit.period]
