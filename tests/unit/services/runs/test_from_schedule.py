"""The submission of a slot: its templates are filled at any depth, and others are refused when it is defined."""

from typing import Any

import pytest

from connectors.postgres.schedules import StoredSchedule
from services.runs.from_schedule import submission_of, template_problems

SLOT_MS = 1_795_590_000_000
SLOT = "2026-11-25T07:00:00Z"


def schedule(inputs: dict[str, Any]) -> StoredSchedule:
    return StoredSchedule(
        id="sch_1",
        org_id="org",
        name="morning",
        project=None,
        workflow_name="flow",
        workflow_version=None,
        inputs=inputs,
        tags={},
        budget_nano=None,
        cron="0 8 * * *",
        interval_s=None,
        time_zone="UTC",
        overlap="skip",
        catchup="latest",
        catchup_limit=1,
        paused=False,
        next_slot_ms=None,
        queued_slot_ms=None,
        last_slot_ms=None,
        last_run_id=None,
        skipped=0,
        problem=None,
        problem_slot_ms=None,
        created_ms=0,
        updated_ms=0,
    )


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("at {{slot}}", f"at {SLOT}"),
        ("{{ slot }} and {{.slot}}", f"{SLOT} and {SLOT}"),
        ({"key": "r/{{slot}}.txt", "n": 1}, {"key": f"r/{SLOT}.txt", "n": 1}),
        (["{{slot}}", ["{{ slot }}"]], [SLOT, [SLOT]]),
        ({"literal": "{{slot}}"}, "{{slot}}"),
        ("{{slots}}", "{{slots}}"),
        ({"{{slot}}": None}, {"{{slot}}": None}),
    ],
)
def test_a_slot_is_filled_in_at_any_depth(value: Any, filled: Any) -> None:
    assert submission_of(schedule({"x": value}), SLOT_MS).inputs == {"x": filled}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"deep": ["{{slots}}"]}, "inputs.x.deep[0]"),
        ("{{slot.date}}", "inputs.x"),
        ("{{my slot}}", "inputs.x"),
    ],
)
def test_a_template_that_a_schedule_does_not_know_is_a_problem(value: Any, path: str) -> None:
    (problem,) = template_problems({"x": value, "good": "{{ slot }}"})
    assert problem.path == path
    assert problem.fix.startswith("write {{slot}}; for this text as it is write {literal: ")


def test_a_literal_of_a_schedule_may_be_any_text() -> None:
    assert list(template_problems({"x": {"literal": "{{whatever}} {{ a b }}"}, "y": 3})) == []
