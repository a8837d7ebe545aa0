"""Random workflows in two worlds: whatever the web decides is labelled so, and was foreseen before the run.

The planted faults show that each of these tests finds one.
"""

import pytest

from bench.flow.covered import uncovered
from bench.flow.dags import INPUT_LABELS, PROMPTS, random_workflow
from bench.flow.differences import differing, untold
from bench.flow.play import RUN, play, status_of
from bench.flow.tools import TOOLS
from bench.prove.flow import noninterference, static, taint
from bench.prove.flow.static import large_workflow
from schemas.labels.label import TRUSTED
from schemas.labels.mapped import Labels
from schemas.spec.check.workflow import check_spec
from schemas.spec.loops import every_node
from schemas.spec.nested import Family, Member
from services.security.flow import walk
from services.security.flow.findings import findings_of
from services.security.flow.ground import Ground
from services.security.flow.walk import flow_of
from streams.core.runs.labels import control, given, names, results, steps

GROUND = Ground(TOOLS, inputs=Labels.read(INPUT_LABELS))


def first_untold(count: int) -> str | None:
    """The first thing that differs between two worlds and is not labelled so."""
    plays = ((random_workflow(seed, hasty=False), seed) for seed in range(count))
    found = (f"{seed}: {one}" for dag, seed in plays for one in untold(play(dag, "a"), play(dag, "b")))
    return next(found, None)


def first_uncovered(count: int) -> str | None:
    """The first label of a run that was not foreseen."""
    dags = ((seed, random_workflow(seed)) for seed in range(count))
    found = (f"{seed}: {one}" for seed, dag in dags for one in uncovered(flow_of(dag, GROUND), play(dag, "a")))
    return next(found, None)


def test_random_workflows_are_valid_and_of_all_kinds():
    kinds, ends = set(), set()
    for seed in range(60):
        dag = random_workflow(seed)
        kid = dag.children.get("kid@1")
        family = Family({"kid@1": Member(kid.spec, PROMPTS)}, {"kid": 1}) if kid else Family()
        check_spec(dag.spec, prompts=PROMPTS, tools=sorted(TOOLS), functions=["f"], family=family)
        kinds |= {node.type for node in every_node(dag.spec.dag.nodes)}
        ends.add(status_of(play(random_workflow(seed, hasty=False), "a")))
    assert kinds >= {"llm", "tool", "function", "wait", "switch", "agent", "workflow", "loop"}
    assert ends == {"succeeded", "failed"}


def test_what_the_web_decides_is_labelled_so():
    assert first_untold(100) is None


def test_a_child_that_was_canceled_with_its_parent_ended_early():
    """In one of these worlds the parent fails, and its child is canceled before a step that the other one has."""
    dag = random_workflow(4307, hasty=False)
    one, other = play(dag, "a"), play(dag, "b")
    (child,) = {call.run_id for call in one.calls} - {RUN}
    assert [status_of(played, child) for played in (one, other)] == ["canceled", "succeeded"]
    assert not list(untold(one, other))


def test_labels_of_runs_are_foreseen():
    assert first_uncovered(100) is None


def test_a_tool_that_does_not_say_where_its_data_is_from_is_found(monkeypatch):
    monkeypatch.setattr(results, "source_of", lambda _declared: TRUSTED)
    assert first_untold(400) is not None


def test_a_choice_that_is_not_labelled_is_found(monkeypatch):
    monkeypatch.setattr("streams.core.runs.labels.steps.decided_by", lambda *_args: TRUSTED)
    assert first_untold(400) is not None


def test_an_outcome_that_is_not_labelled_is_found(monkeypatch):
    for module in (given, control, names, steps):
        monkeypatch.setattr(module, "outcome_of", lambda _turn, _id, step: given.decided_of(step))
    assert first_untold(400) is not None


def test_a_static_check_that_forgets_choices_is_found(monkeypatch):
    monkeypatch.setattr(walk.Choice, "also", lambda self, _reads: self)
    assert first_uncovered(400) is not None


def test_a_static_check_that_forgets_its_family_is_found(monkeypatch):
    monkeypatch.setattr(walk.Walk, "_run_output", lambda *_args: Labels.of_whole(TRUSTED))
    assert first_uncovered(400) is not None


def test_what_a_policy_allows_is_not_changed_by_the_web(monkeypatch):
    monkeypatch.setattr(noninterference, "QUICK_DAGS", 60)
    found = {line.name: line.value for line in noninterference.measure(True, lambda _said: None)}
    assert found["noninterference_changed"] == 0
    assert min(found["noninterference_allowed"], found["noninterference_denied"]) > 20
    assert found["interference_without_policy"] > 20


def test_a_call_that_is_allowed_by_wrong_labels_is_found(monkeypatch):
    monkeypatch.setattr(results, "source_of", lambda _declared: TRUSTED)
    monkeypatch.setattr(noninterference, "QUICK_DAGS", 60)
    found = {line.name: line.value for line in noninterference.measure(True, lambda _said: None)}
    assert found["noninterference_changed"] > 0


def test_the_lines_of_both(monkeypatch):
    monkeypatch.setattr(static, "large_workflow", lambda: large_workflow(200))
    monkeypatch.setattr(static, "QUICK_DAGS", 20)
    monkeypatch.setattr(taint, "QUICK_DAGS", 20)
    found = {line.name: line.value for part in (static, taint) for line in part.measure(True, lambda _said: None)}
    assert found.keys() == {aim.name for part in (static, taint) for aim in part.AIMS}
    assert found["static_uncovered_dags"] == found["taint_dags_untold"] == 0
    assert found["static_findings"] > 0
    assert found["taint_dags_differing"] > 50


def test_the_largest_workflow_has_a_way_for_each_finding():
    dag = large_workflow(300)
    findings = findings_of(flow_of(dag, GROUND), GROUND)
    assert findings
    assert all(one.way[0].removeprefix("n").isdigit() and len(one.way) > 1 for one in findings)


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, [("b", 1)]),
        ({"a": 1}, {"b": 1}, [()]),
        ([1], [1, 2], [()]),
        (1, True, [()]),
        ({"a": None}, {"a": None}, []),
    ],
)
def test_differences_are_the_deepest_places(one, other, paths):
    assert list(differing(one, other)) == paths
