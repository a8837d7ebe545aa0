"""Pairs of live and shadow answers: changes are found soon and named, and equal models never alarm."""

import random

import pytest

from services.observability.replay.divergence import DivergenceSettings, EqualityTest, ShadowShare, Watch


def test_expected_wealth_never_grows_under_the_null() -> None:
    settings = DivergenceSettings(differs_most=0.01, epoch=4)
    outcomes: list[tuple[float, float]] = []

    def play(chance: float, pairs: list[bool]) -> None:
        if len(pairs) == 4:
            test = EqualityTest(settings)
            for differs in pairs:
                last = test.add(differs)
            outcomes.append((chance, last))
            return
        play(chance * 0.01, [*pairs, True])
        play(chance * 0.99, [*pairs, False])

    play(1.0, [])
    assert sum(chance * wealth for chance, wealth in outcomes) == pytest.approx(1.0)


def test_equal_pairs_lose_wealth_and_different_ones_make_some() -> None:
    test = EqualityTest(DivergenceSettings())
    before = [test.add(False) for _ in range(100)]
    assert max(before) < 1
    after = [test.add(True) for _ in range(3)]
    assert after == sorted(after)
    assert after[-1] > 1_000
    assert (test.pairs, test.different) == (103, 3)


def test_wealth_starts_again_with_an_epoch() -> None:
    settings = DivergenceSettings(epoch=50)
    test, fresh = EqualityTest(settings), EqualityTest(settings)
    for _ in range(50):
        test.add(False)
    assert test.add(True) == pytest.approx(fresh.add(True))


def test_the_group_that_changed_is_named_once() -> None:
    watch = Watch()
    found = [
        alarm
        for number in range(6)
        for group in ("steady", "changed")
        if (alarm := watch.add(group, f"run-{number}", differs=group == "changed"))
    ]
    (alarm,) = found
    assert (alarm.group, alarm.different) == ("changed", alarm.pairs)
    assert alarm.e_value >= 6_000, "the second group has a sixth of alpha"
    assert alarm.pairs <= 3
    watch.accept("changed")
    assert watch.add("changed", "run-9", differs=False) is None


def test_false_alarms_are_rarer_than_alpha_even_at_the_bound() -> None:
    dice = random.Random(3)
    settings = DivergenceSettings(alpha=0.05, differs_most=0.01, epoch=100)
    alarms = 0
    for _ in range(400):
        watch = Watch(settings)
        alarms += any(watch.add("g", "r", differs=dice.random() < 0.01) is not None for _ in range(100))
    assert alarms <= 0.05 * 400


def test_a_share_is_one_of_each_block() -> None:
    share = ShadowShare(0.01, seed=5)
    taken = [share.takes() for _ in range(1_000)]
    assert [sum(taken[at : at + 100]) for at in range(0, 1_000, 100)] == [1] * 10
    assert len({taken[at : at + 100].index(True) for at in range(0, 1_000, 100)}) > 3
    assert all(ShadowShare(1.0).takes() for _ in range(3))


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"differs_most": 0.5}, {"epoch": 0}])
def test_settings_that_prove_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        DivergenceSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a share is"):
        ShadowShare(0)
