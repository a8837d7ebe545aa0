"""The lines about policies, in a quick run: each is there, and those that do not depend on the machine hold."""

from bench.policies.faults import faults, passes
from bench.prove.flow.policies import AIMS, measure


def test_every_line_is_measured_and_none_of_the_faults_passes() -> None:
    lines = {line.name: line for line in measure(True, print)}
    assert set(lines) == {aim.name for aim in AIMS}
    assert lines["policy_mutants_found"].value == 100
    assert lines["policy_faults_passed"].value == 0
    assert lines["policy_hostile_s"].value < 60


def test_a_fault_that_passes_is_named() -> None:
    assert faults() > 40
    assert passes() == []
