"""The provider's own bill: every answer that it made is settled once, and nothing else is.

A repeated call has an id of its own and the same idempotency key. Each answer under a key needs an actual settlement of
just its price or, where whoever asked did not live to hear it, a presumed one; the log knows of a call before the
provider is asked; and every call that started is settled in the end.
"""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation
from tests.chaos.scenarios.answers import price_of


def key_of(call: str) -> str:
    """Return the idempotency key that a call was made with: its step's, without the number of the attempt."""
    return call.rpartition("@")[0].rpartition(":")[0]


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every idempotency key and every call."""
    return [*_keys(evidence), *_calls(evidence)]


def _keys(evidence: Evidence) -> Iterator[Violation]:
    actual: dict[str, list[int]] = defaultdict(list)
    presumed: dict[str, int] = defaultdict(int)
    for call, money in evidence.settled.items():
        if money.kind == "presumed":
            presumed[key_of(call)] += 1
        elif money.amount:
            actual[key_of(call)].append(money.amount)
    for key in evidence.answers.keys() | actual.keys():
        made = [price_of(*tokens) for tokens in evidence.answers.get(key, ())]
        paid = actual.get(key, [])
        if len(made) > len(paid) + presumed.get(key, 0):
            text = f"{len(made)} answers of {made[0]}, {len(paid)} settled and {presumed.get(key, 0)} presumed"
            yield Violation("every answer is settled", key, text)
        if len(paid) > len(made):
            yield Violation("only answers are settled", key, f"{len(made)} answers, {len(paid)} settled: {paid}")
        wrong = [amount for amount in paid if made and amount != made[0]]
        if wrong:
            yield Violation("an answer is settled at its price", key, f"settled at {wrong}, right is {made[0]}")


def _calls(evidence: Evidence) -> Iterator[Violation]:
    announced: dict[str, int] = defaultdict(int)
    for call in evidence.started:
        announced[key_of(call)] += 1
        if call not in evidence.settled:
            yield Violation("every call is settled", call, f"it started, held at {evidence.started[call].amount}")
    for key, number in evidence.calls.items():
        if number > announced.get(key, 0):
            text = f"the provider got {number} calls, the log knew of {announced.get(key, 0)}"
            yield Violation("the log knows of a call before it is made", key, text)
    amounts: dict[tuple[str, str], set[int]] = defaultdict(set)
    for money in evidence.money:
        amounts[money.call, money.kind].add(money.amount)
    for (call, kind), found in amounts.items():
        if len(found) > 1:
            yield Violation("a call has one settlement", call, f"{kind}: {sorted(found)}")
