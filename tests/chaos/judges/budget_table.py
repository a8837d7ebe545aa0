"""The table of budgets is the sum of the settlements, in every dimension and window, and nothing is held in the end."""

from collections import defaultdict
from datetime import UTC, datetime

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.records import Money


def judge(evidence: Evidence) -> list[Violation]:
    """Judge what each organisation has spent and has held."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for money in evidence.settled.values():
        for field in _fields(money):
            sums[money.org][field] += money.amount
    found: list[Violation] = []
    for org in evidence.spent.keys() | sums.keys():
        spent, right = evidence.spent.get(org, {}), sums[org]
        for field in sorted(spent.keys() | right.keys()):
            if spent.get(field, 0) != right.get(field, 0):
                text = f"the table has {spent.get(field, 0)}, the settlements {right.get(field, 0)}"
                found.append(Violation("money is counted once", f"{org} {field}", text))
    for org, held in evidence.held.items():
        found += [
            Violation("nothing is held in the end", f"{org} {field}", f"{amount} is held")
            for field, amount in held.items()
            if amount
        ]
    return found


def _fields(money: Money) -> list[str]:
    at = datetime.fromtimestamp(money.booked_at_ms / 1000, UTC)
    windows = (f"day:{at:%Y-%m-%d}", f"month:{at:%Y-%m}", "total")
    names = ("org", f"workflow={money.workflow}", f"provider={money.provider}", f"model={money.model}")
    return [f"{name}|{window}" for name in names for window in windows]
