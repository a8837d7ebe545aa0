"""Runs under two conditions in turns: which rounds are compared, and that drift weighs on both."""

import asyncio

import pytest

from bench.blocks import Compared, Round, compared


def run(blocks: int, rounds: list[Round]) -> tuple[Compared, list[bool]]:
    """Compare given rounds; return what was found and which rounds were changed ones."""
    order, left = list[bool](), iter(rounds)

    async def one_round(changed: bool) -> Round:
        order.append(changed)
        return next(left)

    return asyncio.run(compared(blocks, one_round)), order


def test_blocks_begin_with_either_condition_in_turns():
    _, order = run(2, [Round(100, 0.01)] * 8)
    assert order == [False, True, True, False, True, False, False, True]


def test_what_costs_twice_the_cpu_is_half_as_good_in_each_block():
    plain, dear = Round(100, 0.01), Round(50, 0.02)
    found, _ = run(2, [plain, dear, dear, plain, dear, plain, plain, dear])
    assert found.per_cpu == [0.5, 0.5]
    assert found.rates == pytest.approx([0.5, 0.5])
    assert found.noise == "two rounds of the same runs differ by 0.0%"


def test_pairs_are_rounds_one_right_behind_the_other():
    rates = [100, 50, 40, 80, 30, 60, 90, 45]
    found, _ = run(2, [Round(rate, 0.01) for rate in rates])
    assert found.pairs == pytest.approx([50 / 100, 40 / 80, 30 / 60, 45 / 90])
    assert found.plain == pytest.approx([2 / (1 / 100 + 1 / 80), 2 / (1 / 60 + 1 / 90)])


def test_rates_until_all_is_written_are_compared_in_the_same_pairs():
    plain, slow, slower = (Round(100, 0.01, settled_per_s=rate) for rate in (100, 80, 50))
    found, _ = run(1, [plain, slow, slower, plain])
    assert found.settled == [0.8, 0.5]
    assert found.pairs == [1.0, 1.0]
    assert not run(1, [Round(100, 0.01)] * 4)[0].settled


def test_machine_that_gets_steadily_slower_weighs_on_both():
    found, _ = run(1, [Round(100, 0.010 + 0.001 * n) for n in range(4)])
    assert found.per_cpu == pytest.approx([1.0])
    assert found.same == pytest.approx([1 - 0.011 / 0.012])


def test_work_in_the_background_of_one_process_weighs_little():
    def spent(engine: float, store: float) -> Round:
        return Round(100, engine + store, {"engine": engine, "store": store})

    plain, dear, merging = spent(0.010, 0.010), spent(0.012, 0.010), spent(0.010, 0.050)
    found, _ = run(3, [plain, dear, dear, plain, dear, merging, merging, dear, plain, dear, dear, plain])
    costs = found.by_process()
    assert costs.per_cpu == pytest.approx(20 / 22)
    assert costs.more_us == pytest.approx({"engine": 2_000, "store": 0})
    assert found.per_cpu == pytest.approx([20 / 22, 60 / 22, 20 / 22])


def test_rounds_that_do_not_tell_of_processes_are_refused():
    found, _ = run(1, [Round(100, 0.01)] * 4)
    with pytest.raises(ValueError, match="each process"):
        found.by_process()
