"""Routing's quick figures hold their floors; the market of paretobandit is played where it is installed."""

import pytest

from bench.prove.calls import hedges, routes
from bench.routing.decisions import recomputed_share
from bench.routing.market import CALLS, Market
from bench.routing.paretobandit import ParetoBandit, RealMarket, package, rows_of
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


def test_market_of_the_package_is_skipped_with_a_word_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "package", lambda: None)
    said: list[str] = []
    assert list(routes._real(1, said.append)) == []
    assert "SKIPPED" in said[0]
    assert "paretobandit" not in routes._others_here()


needs_package = pytest.mark.skipif(package() is None, reason="paretobandit is not installed: requirements-peers.lock")


@needs_package
def test_bandit_beats_the_best_fixed_model_of_the_package() -> None:
    folder = package()
    assert folder is not None
    market = RealMarket(0, rows=rows_of(folder))
    assert len(market.rows) == 3_609
    assert market.calls == CALLS
    assert play(market, Bandit(market)).over_fixed >= 1


@needs_package
def test_algorithm_of_the_package_learns_the_better_route() -> None:
    market = Market(0, calls=2_000, drifts=False)
    assert play(market, ParetoBandit(market)).of_moving > 0.8
