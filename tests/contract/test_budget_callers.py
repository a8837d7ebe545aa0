"""Callers in several processes that spend one budget at once: never over it, and nearly all of it."""

from bench.budgets.callers import spend


def test_callers_of_two_processes_spend_a_budget_and_no_more(redis_url: str) -> None:
    spent = spend(redis_url, processes=2, callers=6, seed=3)
    assert (spent.over_nano, spent.differences) == (0, 0)
    assert spent.used > 0.85
    assert spent.calls > 50
