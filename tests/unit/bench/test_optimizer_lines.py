"""The optimizer's figures on every third world."""

from bench.prove.calls import optimizer


def test_planted_wastes_are_named_rightly_and_lean_logs_are_left_alone() -> None:
    lines = {line.name: line.value for line in optimizer.measure(True, lambda _: None)}
    assert lines["optimizer_wastes_named"] >= 90
    assert lines["optimizer_saving_off_truth"] <= 20
    assert lines["optimizer_named_on_lean"] == 0
