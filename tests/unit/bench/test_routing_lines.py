"""Routing's quick figures hold their floors; the market of the wheel is played where the wheel is."""

import pytest

from bench.prove import hedges, routes
from bench.routing.decisions import recomputed_share
from bench.routing.market import CALLS
from bench.routing.paretobandit import VARIABLE, RealMarket, rows_of, wheel
from bench.routing.play import play
from bench.routing.players import Bandit
from services.routing import choice


def test_hedges_save_a_third_of_the_tail_for_five_percent_of_the_cost() -> None:
    lines = {line.name: line.value for line in hedges.measure(True, lambda _: None)}
    for aim in hedges.AIMS:
        assert aim.floor is not None
        assert aim.floor.holds(lines[aim.name]), aim.name


def test_a_wrong_record_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed = choice.weighed
    monkeypatch.setattr(choice, "weighed", lambda parts, weights: -weighed(parts, weights))
    assert recomputed_share(50) < 1


def test_market_of_the_wheel_is_skipped_with_a_word_when_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    said: list[str] = []
    assert list(routes._real(1, said.append)) == []
    assert "SKIPPED" in said[0]


def test_bandit_beats_the_best_fixed_model_of_the_wheel() -> None:
    file = wheel()
    if file is None:
        pytest.skip(f"{VARIABLE} names no paretobandit wheel")
    market = RealMarket(0, rows=rows_of(file))
    assert len(market.rows) == 3_609
    assert market.calls == CALLS
    assert play(market, Bandit(market)).over_fixed >= 1
