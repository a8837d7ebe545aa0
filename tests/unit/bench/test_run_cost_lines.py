"""The figures on what runs cost, with fewer runs and workflows."""

from bench.prove.calls import run_costs


def test_caps_hold_runs_agree_with_the_ledger_and_paths_are_admitted_rightly() -> None:
    lines = {line.name: line.value for line in run_costs.measure(True, lambda _: None)}
    assert lines["run_cap_overshoot_nano"] == 0
    assert lines["run_cap_used"] >= 95
    assert lines["run_cost_off_ledger_nano"] == 0
    assert lines["path_admission_wrong"] == 0
