"""Stops in memory: a stop is stronger than a pause, and one that was withdrawn never comes back."""

import itertools

import pytest

from schemas.errors import BadRecord, Unavailable
from schemas.limits.stops import Stop, StopMode, StopScope
from schemas.records.definitions import Definition
from services.budgets.stops import StopDefinitions


def definition(
    stop_id: str = "s",
    scope: StopScope = "org",
    target: str | None = None,
    mode: StopMode = "stop",
    *,
    ends: bool = False,
) -> Definition:
    stop = Stop(id=stop_id, org_id="acme", scope=scope, target=target, mode=mode, reason="why")
    body = {} if ends else stop.body()
    return Definition(kind="stop", org_id="acme", id=stop_id, body=body, deleted=ends, changed_at_ms=0)


def loaded(*definitions: Definition) -> StopDefinitions:
    stops = StopDefinitions()
    for one in definitions:
        stops.apply(one)
    stops.mark_loaded()
    return stops


@pytest.mark.parametrize(
    ("scope", "target", "applies"),
    [
        ("org", None, True),
        ("workflow", "flow", True),
        ("workflow", "p", False),
        ("provider", "p", True),
        ("provider", "m", False),
        ("model", "m", True),
        ("model", "flow", False),
    ],
)
def test_a_stop_names_an_organisation_workflow_provider_or_model(
    scope: StopScope, target: str | None, applies: bool
) -> None:
    stops = loaded(definition(scope=scope, target=target))
    assert (stops.applying("acme", "flow", "p", "m") is not None) is applies
    assert stops.applying("umbrella", "flow", "p", "m") is None


def test_nothing_is_known_before_the_first_load() -> None:
    with pytest.raises(Unavailable, match="stopped"):
        StopDefinitions().applying("acme", "flow", "p", "m")


def test_a_stop_is_stronger_than_a_pause() -> None:
    for order in itertools.permutations([definition("a", mode="pause"), definition("b")]):
        stop = loaded(*order).applying("acme", "flow", "p", "m")
        assert stop is not None
        assert stop.mode == "stop"


def test_a_withdrawn_stop_does_not_come_back_with_a_repeat() -> None:
    for order in itertools.permutations([definition(), definition(ends=True), definition()]):
        if order[-1].deleted or order[1].deleted:
            assert loaded(*order).applying("acme", "flow", "p", "m") is None


def test_other_definitions_are_ignored_and_a_bad_body_changes_nothing() -> None:
    stops = loaded(Definition(kind="prompt", org_id="acme", id="s", body={}, changed_at_ms=0))
    with pytest.raises(BadRecord, match="is not a stop"):
        stops.apply(Definition(kind="stop", org_id="acme", id="s", body={"mode": "none"}, changed_at_ms=0))
    assert stops.applying("acme", "flow", "p", "m") is None
