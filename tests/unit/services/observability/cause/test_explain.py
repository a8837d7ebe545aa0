"""Why a run failed."""

import pytest
from msgspec import structs

from services.observability.cause.explain import explain, symptom_of
from services.observability.cause.observed import ObservedRun, ObservedStep

_NEEDS = {"fetch": [], "draft": ["fetch"], "other": [], "check": ["draft"]}


def _step(node: str, at: float, **more) -> ObservedStep:
    said = {
        "step": node,
        "asked": f"asked-{node}",
        "output": f"output-{node}",
        "error": "",
        "attempts": 1,
        "took_ms": 100.0,
        "lost_ms": 0.0,
        "quota_ms": 0.0,
        "tokens": 200 if node == "draft" else 0,
        "cached": "",
        "route": "",
        "prompt": "draft@1" if node == "draft" else "",
        "policy": (),
    }
    return ObservedStep(node=node, at_ms=at, ended_ms=at + 100, **(said | more))


def _run(number: int, error: str = "", lacking: dict[str, list[str]] | None = None, **changed) -> ObservedRun:
    steps = [
        _step(node, at, **changed.get(node, {}))
        for node, at in (("fetch", 0.0), ("other", 0.0), ("draft", 100.0), ("check", 200.0))
    ]
    return ObservedRun(
        run_id=f"run-{number}",
        error=error,
        duration_ms=300.0,
        steps=steps,
        nodes={"fetch": "f1", "draft": "d1", "other": "o1", "check": "c1"},
        needs=_NEEDS,
        hash="h1",
        lacking=lacking or {},
        started_ms=1_000.0 * number,
    )


_FAILED = {"error": "exception", "output": ""}
_HEALTHY = [_run(n) for n in range(20)]


def test_a_healthy_run_has_no_cause_whatever_is_unusual_about_it():
    found = explain(_run(50, draft={"prompt": "draft@9", "output": "other", "tokens": 9_000}), _HEALTHY)
    assert (found.verdict, found.cause) == ("healthy", None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("budget_exceeded", "budget"),
        ("rate_limited", "quota"),
        ("guard_failed", "guard"),
        ("http_503", "dependency"),
        ("provider_timeout", "slow_provider"),
    ],
)
def test_an_error_of_a_rule_or_a_dependency_names_itself(error, kind):
    found = explain(_run(50, error, draft={"error": error, "output": ""}), _HEALTHY)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind) == ("draft", kind)
    assert found.way == ["draft"]


def test_an_output_that_equal_inputs_never_had_is_a_wrong_one():
    found = explain(_run(50, "exception", fetch={"output": "wrong"}, check=_FAILED), _HEALTHY)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind, found.symptom) == ("fetch", "wrong_output", "check")
    assert found.way == ["fetch", "draft", "check"]


def test_a_step_that_the_failed_one_does_not_depend_on_is_not_its_cause():
    found = explain(_run(50, "exception", other={"output": "wrong"}, check=_FAILED), _HEALTHY)
    assert found.verdict == "unknown"
    assert found.reason.startswith("nothing before the failure is unusual")


def test_a_missing_input_is_named_unless_healthy_runs_do_without_it():
    lacking = {"fetch": ["inputs.customer"]}
    found = explain(_run(50, "exception", lacking, check=_FAILED), _HEALTHY)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind) == ("fetch", "missing_input")
    usual = [structs.replace(one, lacking=lacking) for one in _HEALTHY]
    assert explain(_run(50, "exception", lacking, check=_FAILED), usual).verdict == "unknown"


def test_a_version_that_only_failed_runs_ran_is_named():
    new = {"draft": {"prompt": "draft@2", "output": "new", "asked": "new"}, "check": _FAILED}
    peers = [*_HEALTHY, *(_run(n, "exception", **new) for n in range(30, 34))]
    found = explain(_run(50, "exception", **new), peers)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind) == ("draft", "deploy")
    assert (found.cause.spectrum.failed_with, found.cause.spectrum.healthy_with) == (5, 0)


def test_a_version_that_ran_well_for_long_is_not_named():
    new = {"draft": {"prompt": "draft@2", "asked": "new"}}
    well = [_run(n, **new) for n in range(20, 29)]
    failed = [_run(n, "exception", **new, check=_FAILED) for n in range(30, 50)]
    assert explain(_run(50, "exception", **new, check=_FAILED), [*_HEALTHY, *well, *failed]).verdict == "unknown"


def test_an_earlier_answer_that_is_another_one_is_a_poisoned_cache():
    found = explain(_run(50, "exception", draft={"cached": "exact", "output": "bad"}, check=_FAILED), _HEALTHY)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind) == ("draft", "cache")


def test_a_cached_answer_that_is_the_usual_one_is_not_blamed():
    found = explain(_run(50, "exception", draft={"cached": "exact"}, check=_FAILED), _HEALTHY)
    assert found.verdict == "unknown"


def test_lost_time_explains_a_missed_deadline():
    late = _run(50, "deadline_exceeded", draft={"took_ms": 9_000.0}, check={"error": "canceled", "output": ""})
    found = explain(structs.replace(late, duration_ms=10_000.0), _HEALTHY)
    assert found.cause is not None
    assert (found.cause.step, found.cause.kind, found.symptom) == ("draft", "slow_provider", "")
    waited = _run(50, "deadline_exceeded", draft={"quota_ms": 9_000.0}, check={"error": "canceled"})
    found = explain(structs.replace(waited, duration_ms=10_000.0), _HEALTHY)
    assert found.cause is not None
    assert found.cause.kind == "quota"


def test_two_nodes_that_are_as_likely_are_not_named():
    both = {"fetch": {"output": "wrong"}, "side": {}}
    needs = {**_NEEDS, "check": ["fetch", "other"]}
    run = _run(50, "exception", fetch=both["fetch"], other={"output": "wrong"}, check=_FAILED)
    found = explain(structs.replace(run, needs=needs), _HEALTHY)
    assert found.verdict == "unknown"
    assert found.reason.endswith("are as likely as each other")
    assert len(found.candidates) == 2


def test_models_that_vary_prove_nothing_by_another_output():
    varied = [_run(n, draft={"output": f"o{n}"}) for n in range(20)]
    found = explain(_run(50, "exception", draft={"output": "another"}, check=_FAILED), varied)
    assert found.verdict == "unknown"


def test_without_other_runs_only_errors_that_name_themselves_are_causes():
    assert explain(_run(1, "exception", check=_FAILED), []).verdict == "unknown"
    found = explain(_run(1, "quota_exceeded", draft={"error": "quota_exceeded", "output": ""}), [])
    assert found.cause is not None
    assert found.cause.kind == "quota"


def test_the_symptom_is_the_step_with_the_runs_own_error():
    run = _run(1, "exception", other={"error": "http_500"}, check=_FAILED)
    symptom = symptom_of(run)
    assert symptom is not None
    assert symptom.step == "check"
    assert symptom_of(_run(1, "deadline_exceeded")) is None
