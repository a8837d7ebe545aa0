"""Reports compare with a baseline, give intervals where the log has evidence, and say where it has none."""

from typing import Any

import pytest

from connectors.clickhouse.policy_calls import CallRow
from connectors.postgres.policies.facts import FactsVersion
from connectors.prices.book import PriceBook
from schemas.api_models.traces.policies import PolicyDocument, PolicyReport
from schemas.errors import InvalidInput
from schemas.records.base import USAGE_KINDS, Usage
from services.observability.replay.policy.calls import RecordedCall
from services.observability.replay.policy.replays import CallWindow, PolicyReplays, node_of
from services.observability.replay.policy.report import compared
from tests.unit.services.observability.replay.policy.test_lanes import BOOKS, GOLD, SILVER, call

TO_SILVER = {"routes": [{"to": "local/silver"}]}


def report(calls: list[RecordedCall], **policy: Any) -> PolicyReport:
    return compared(calls, PolicyDocument.model_validate(policy), BOOKS, (0, 100_000))


def traffic(count: int = 100) -> list[RecordedCall]:
    """Calls of one node on both routes: the silver one is faster, worse, and writes half as much."""
    gold = [call(n, latency_ms=1_000.0 + n % 7, score=0.9 - n % 3 / 10) for n in range(count)]
    usage = Usage(input_tokens=1_000, output_tokens=50)
    silver = [
        call(n, route=SILVER, usage=usage, amount_nano=1_250_000, latency_ms=400.0 + n % 5, score=0.6 - n % 3 / 10)
        for n in range(count, 2 * count)
    ]
    return gold + silver


def test_the_same_policy_is_the_record_to_the_nano_dollar() -> None:
    found = report(traffic())
    assert (found.baseline_off_nano, found.cost_difference_nano, found.cost_interval_nano) == (0, 0, (0, 0))
    assert found.candidate == found.baseline
    assert found.baseline.cost_nano == found.recorded_nano == 100 * (4_500_000 + 1_250_000)
    assert (found.coverage.unchanged, found.coverage.not_reproduced) == (1.0, 0)
    assert found.latency_difference_ms is not None
    assert (found.latency_difference_ms.value, found.latency_difference_ms.known) == (0, 1)


def test_another_route_is_compared_by_what_the_log_has_of_it() -> None:
    found = report(traffic(), **TO_SILVER)
    assert found.cost_difference_nano == -100 * 3_000_000, "the same tokens at other prices"
    low, high = found.cost_interval_nano
    assert low < -100 * 3_240_000 < high, "half the tokens are in the interval"
    assert (found.coverage.unchanged, found.coverage.evidence, found.coverage.unknown) == (0.5, 0.5, 0)
    latency, quality = found.latency_difference_ms, found.quality_difference
    assert latency is not None
    assert quality is not None
    assert latency.low < -300.5 < latency.high < 0, "half of the calls are 600 ms faster"
    assert quality.low < -0.15 < quality.high < 0


def test_without_evidence_it_says_so() -> None:
    found = report(traffic()[:100], **TO_SILVER)
    assert (found.coverage.evidence, found.coverage.unknown) == (0, 1)
    assert found.latency_difference_ms is None
    assert found.quality_difference is None
    assert found.cost_interval_nano == (found.cost_difference_nano, found.cost_difference_nano)


def test_a_cost_that_prices_do_not_give_is_counted() -> None:
    found = report([call(1, amount_nano=4_500_003), call(2)])
    assert (found.baseline_off_nano, found.coverage.not_reproduced) == (3, 1)


def test_refusals_are_counted_by_their_reason_with_what_they_end() -> None:
    calls = [call(n, run_id=f"r{n % 2}", at_ms=n) for n in range(6)]
    found = report(calls, budgets=[{"limit_usd": "0.01"}])
    lane = found.candidate
    assert (lane.calls, lane.refused, lane.not_made, lane.cut_runs) == (2, 2, 2, 2)
    assert lane.refused_by == {"budget 1 (org)": 2}
    assert found.cost_difference_usd.startswith("-0.018")


class Rows:
    def __init__(self, *rows: CallRow) -> None:
        self._rows = list(rows)

    async def rows(self, org_id: str, from_ms: int, to_ms: int, workflow: str, limit: int) -> list[CallRow]:
        return self._rows


class Prices:
    async def booked(self, org_id: str, price_version: str) -> PriceBook:
        return BOOKS[price_version]


class Facts:
    async def newest(self, org_id: str) -> FactsVersion | None:
        return None


def row(step_id: str) -> CallRow:
    usage = [0] * len(USAGE_KINDS)
    usage[USAGE_KINDS.index("input_tokens")], usage[USAGE_KINDS.index("output_tokens")] = 1_000, 100
    return CallRow(
        *("c", "r", 5, step_id, "report", "", "p", *GOLD, 4_500_000, "1", "", True, False, 0, 0, 1.0, None, {}, ""),
        tuple(usage),
    )


async def test_rows_are_read_and_priced() -> None:
    found = await PolicyReplays(Rows(row("ask[3]")), Prices(), Facts()).replay(
        CallWindow("acme", 0, 10_000), PolicyDocument()
    )
    assert (found.recorded_nano, found.baseline_off_nano, found.replayed_s) == (4_500_000, 0, 10)
    assert found.took_s > 0


@pytest.mark.parametrize(
    ("window", "problem"),
    [((0, 10), "no recorded call"), ((10, 10), "is not after since"), ((0, 91 * 86_400_000), "longer than 90 days")],
)
async def test_windows_that_say_nothing_are_refused(window: tuple[int, int], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        await PolicyReplays(Rows(), Prices(), Facts()).replay(CallWindow("acme", *window), PolicyDocument())


@pytest.mark.parametrize(
    ("step_id", "node"),
    [
        ("ask", "ask"),
        ("each[3]", "each"),
        ("again~2/draft", "draft"),
        ("again~2/each[3]", "each"),
        ("bot/turn-1", "bot"),
    ],
)
def test_a_step_names_its_node(step_id: str, node: str) -> None:
    assert node_of(step_id) == node
