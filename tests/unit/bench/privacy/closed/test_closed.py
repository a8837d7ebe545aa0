"""Failures that are planted into processes do fail there, and their cases are about doors that exist."""

import pytest

from bench.lines import BenchError
from bench.privacy.closed.cases import CASES, CONTROLS, LIMIT_CHARS, POLICY, PROMPTS, WORKFLOWS
from bench.privacy.closed.faulty import FAULTS, plant
from bench.privacy.closed.play import Judged, Played
from bench.prove.privacy import closed
from schemas.errors import StepError
from schemas.policies.read import read_policy
from schemas.spec.check.workflow import check_spec
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from services.privacy.detect.engine import Detectors

QUIET = lambda _said: None  # noqa: E731


@pytest.fixture(autouse=True)
def _healthy_afterwards(monkeypatch):
    for name in ("_find", "find", "find_in"):
        monkeypatch.setattr(Detectors, name, getattr(Detectors, name))


def test_a_process_without_a_fault_searches():
    plant("nothing")
    assert Detectors([]).find("a text") == []


@pytest.mark.parametrize(("fault", "error"), [("rule", StepError), ("engine", RuntimeError), ("memory", MemoryError)])
def test_a_planted_fault_fails_in_every_search(fault, error):
    plant(fault)
    with pytest.raises(error):
        Detectors([]).find("a text")
    with pytest.raises(error):
        Detectors([]).find_in(["a text"])


def test_a_fault_of_a_method_that_is_gone_is_none(monkeypatch):
    monkeypatch.setitem(FAULTS, "rule", (("_no_such_method",), RuntimeError))
    with pytest.raises(AttributeError, match="_no_such_method"):
        plant("rule")


def test_policy_prompts_and_workflows_of_the_cases_are_valid():
    assert read_policy(POLICY).privacy is not None
    pinned = {f"{one['name']}@1": PinnedPrompt(**one, hash="0" * 64) for one in PROMPTS}
    for document in WORKFLOWS:
        check_spec(WorkflowSpec.model_validate(document), prompts=pinned, tools=[], functions=["result_merger"])
    assert len(PROMPTS[1]["template"]) > LIMIT_CHARS


def test_every_door_has_a_control_and_every_case_a_name_of_its_own():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {(case.door, case.workflow) for case in CONTROLS} >= {
        ("api", "merge"),
        ("worker", "mail"),
        ("worker", "merge"),
    }
    assert set(closed.QUICK) <= set(names)


def lines(monkeypatch, *cases: Judged, controls_pass: bool = True) -> dict[str, float]:
    controls = [Judged(case, passed=controls_pass) for case in CONTROLS]
    monkeypatch.setattr(closed, "play", lambda *_args: Played(list(cases), controls))
    return {line.name: line.value for line in closed.measure(False, QUIET)}


def test_what_passes_and_what_is_refused_without_a_type_are_counted(monkeypatch):
    passed, untyped = Judged(CASES[0], passed=True), Judged(CASES[1], passed=False, code="internal-error")
    typed = Judged(CASES[2], passed=False, code="privacy_failed")
    found = lines(monkeypatch, passed, untyped, typed)
    assert found == {"failures_that_pass": 1, "failures_without_type": 1}


def test_doors_that_refuse_everything_prove_nothing(monkeypatch):
    with pytest.raises(BenchError, match="refuse without a failure"):
        lines(monkeypatch, controls_pass=False)
