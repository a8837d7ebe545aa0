"""Runs with a data subject in the fold: it decides by what was recorded, and never needs a value."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.payload import Payload, Reference, inline
from schemas.privacy.sealed import condition_key, inline_uri, length_key
from schemas.privacy.wants import Want
from schemas.records.run_events import ToolUse
from schemas.records.security.pinned import RunSecurity
from schemas.spec.rules_version import NEWEST, OUTCOMES, SEALED
from streams.core.runs.events.unsealed import LEFT_OUT
from tests.support.runs import World, args_of, assistant, function, llm, loop, switch

SUBJECT = "sub_" + "c" * 32
SEALED_RUN: dict[str, Any] = {"subject": SUBJECT, "rules_version": SEALED}


def sealed(name: str, length: int | None = None, **decided: bool | int | None) -> Reference:
    """A sealed value that nobody here can read."""
    uri = inline_uri(SUBJECT, name.encode())
    return Reference(uri=uri, sha256=name.ljust(64, "0"), size=9, length=length, decided=decided)


def submit(world: World, *nodes: dict[str, Any], edges: str = "", **stored: Reference) -> None:
    inputs = dict.fromkeys(stored)
    world.submit(*nodes, edges=edges, inputs=inputs, stored_inputs=stored, **SEALED_RUN)


def test_a_condition_is_read_from_the_output_that_it_is_about() -> None:
    world, text = World(), "a.output.ok"
    submit(world, function("a"), function("b", condition=text), function("c", condition=f"!{text}"), edges="a>b a>c")
    assert world.requests[0].subject == SUBJECT
    assert world.requests[0].wants == [Want(text=text, source="a"), Want(text=f"!{text}", source="a")]
    world.succeed("a", sealed("a", **{condition_key(text): True, condition_key(f"!{text}"): False}))
    assert world.states() == {"a": "succeeded", "b": "running", "c": "skipped"}


def test_an_answer_that_is_missing_fails_the_step_and_ends_the_run() -> None:
    world = World()
    submit(world, function("a"), function("b", condition="a.output.ok"), edges="a>b")
    world.succeed("a", sealed("a"))
    assert (world.status, world.step("b").error.code) == ("failed", "condition_unreadable")


def test_a_condition_over_inputs_is_that_of_these_inputs_together() -> None:
    text = "inputs.x > inputs.y"
    key = condition_key(text, [("x", "x".ljust(64, "0")), ("y", "y".ljust(64, "0"))])
    world = World()
    submit(world, function("a", condition=text), x=sealed("x", **{key: True}), y=sealed("y"))
    assert world.states() == {"a": "running"}
    other = World()
    submit(other, function("a", condition=text), x=sealed("x", **{key: True}), y=sealed("other"))
    assert other.step("a").error.code == "condition_unreadable"


def test_a_switch_and_a_loop_decide_by_answers() -> None:
    case, until = "a.output.n == 1", "loop.output.done"
    world = World()
    submit(
        world,
        function("a"),
        switch("s", (case, "r"), default="z"),
        loop("r", function("one"), until=until),
        function("z"),
        edges="a>s s>r s>z",
    )
    world.succeed("a", sealed("a", **{condition_key(case): True}))
    assert world.requests[-1].wants == [Want(text=until, source="loop.output")]
    world.succeed("r~1/one", sealed("one", **{condition_key(until): False}))
    world.succeed("r~2/one", sealed("two", **{condition_key(until): True}))
    assert world.status == "succeeded"
    assert world.states()["z"] == "skipped"


def test_a_map_counts_what_was_counted() -> None:
    world = World()
    submit(world, function("a"), function("b", parallel=True, items="a.output.parts"), edges="a>b")
    assert world.requests[0].wants == [Want(path=["parts"])]
    world.succeed("a", sealed("a", **{length_key(["parts"]): 2}))
    assert [args_of(one)["item"] for one in world.requests[1:]] == [
        (inline_uri(SUBJECT, b"a"), "parts", 0),
        (inline_uri(SUBJECT, b"a"), "parts", 1),
    ]


def test_the_call_of_an_agent_is_asked_for_with_sealed_arguments() -> None:
    world, args = World(), sealed("args")
    submit(world, assistant("w"))
    world.succeed("w/turn-1", sealed("said"), tool_calls=[ToolUse(id="1", name="t", sealed=args)])
    request = world.requests[-1]
    assert (request.args, [(link.at, link.payload) for link in request.links]) == ({}, [([], args)])
    assert (request.subject, request.wants) == (SUBJECT, [])


def test_an_input_in_clear_is_no_run_of_a_subject() -> None:
    with pytest.raises(BadRecord, match="not sealed"):
        World().submit(function("a"), inputs={"x": "in clear"}, **SEALED_RUN)


def test_older_rules_have_no_subjects() -> None:
    with pytest.raises(BadRecord, match="rules_version"):
        World().submit(function("a"), subject=SUBJECT)


def test_a_run_without_a_subject_is_asked_nothing() -> None:
    world = World()
    world.submit(function("a"), function("b", condition="a.output.ok"), edges="a>b")
    assert (world.requests[0].subject, world.requests[0].wants) == ("", [])


NEWEST_RUN: dict[str, Any] = {"subject": SUBJECT, "rules_version": NEWEST}
OTHERS = [
    inline("Ada"),
    Reference(uri="objects:///org/" + "0" * 64, sha256="0" * 64, size=3),
    Reference(uri=inline_uri("sub_" + "d" * 32, b"x"), sha256="0" * 64, size=3),
    Reference(uri=f"sealed+objects:///other/{SUBJECT}/{'0' * 64}", sha256="0" * 64, size=3),
    Reference(uri="sealed:nobody", sha256="0" * 64, size=3),
]


def started(*nodes: dict[str, Any], edges: str = "", **run: Any) -> World:
    world = World()
    world.submit(*nodes, edges=edges, inputs={}, **(NEWEST_RUN | run))
    return world


@pytest.mark.parametrize("output", OTHERS)
def test_an_output_that_is_not_sealed_for_the_subject_goes_no_further(output: Payload) -> None:
    world = started(function("a"), function("b", function_args={"v": "a.output"}), edges="a>b")
    world.succeed("a", output)
    step = world.step("a")
    assert (step.state, step.error.code, step.error.retryable) == ("failed", "unsealed_outcome", False)
    assert world.status == "failed"
    assert len(world.requests) == 1
    assert "Ada" not in repr(step)


def test_a_sealed_output_goes_on_and_older_runs_are_as_they_were() -> None:
    world = started(function("a"))
    world.succeed("a", sealed("a"))
    assert world.status == "succeeded"
    older = started(function("a"), rules_version=SEALED)
    older.succeed("a", inline("Ada"))
    assert older.status == "succeeded"


@pytest.mark.parametrize(
    "use", [ToolUse(id="1", name="t", args={"to": "Ada"}), ToolUse(id="1", name="t", sealed=OTHERS[2])]
)
def test_arguments_of_tools_that_are_not_sealed_go_no_further(use: ToolUse) -> None:
    world = started(assistant("w"))
    world.succeed("w/turn-1", sealed("said"), tool_calls=[use])
    assert world.step("w").error.code == "unsealed_outcome"
    assert len(world.requests) == 1


@pytest.mark.parametrize(("code", "kept"), [("boom", "boom"), ("Ada Lovelace", "exception")])
def test_words_of_an_error_in_clear_are_left_out(code: str, kept: str) -> None:
    world = started(function("a"))
    world.fail("a", code)
    error = world.step("a").error
    assert (error.code, error.message, error.details) == (kept, LEFT_OUT, {})


def test_under_a_policy_that_redacts_the_log_an_outcome_must_say_that_it_was() -> None:
    security = RunSecurity(policy="p@1", redacts=True)
    for redacted, state in ((False, "failed"), (True, "succeeded")):
        world = started(function("a"), subject="", security=security)
        world.succeed("a", inline("Ada"), redacted=redacted)
        assert world.step("a").state == state
    assert world.step("a").error is None
    refused = started(function("a"), subject="", security=security)
    refused.fail("a", "boom")
    assert refused.step("a").error.message == LEFT_OUT


JUDGING = RunSecurity(policy="p@1", judges=True)
CLOSED = RunSecurity(policy="p@1", closed={"flow": ["a"]})


@pytest.mark.parametrize(
    ("node", "security", "state"),
    [
        (llm("a"), JUDGING, "failed"),
        # Of functions no policy decides.
        (function("a"), JUDGING, "succeeded"),
        (llm("a"), CLOSED, "failed"),
        (llm("a"), RunSecurity(policy="p@1", closed={"flow": ["b"]}), "succeeded"),
        (llm("a"), RunSecurity(policy="p@1"), "succeeded"),
    ],
)
def test_what_a_policy_has_rules_for_must_say_that_it_was_decided_on(
    node: dict[str, Any], security: RunSecurity, state: str
) -> None:
    world = started(node, subject="", security=security)
    world.succeed("a", inline("obey"), redacted=False)
    assert world.step("a").state == state
    if state == "failed":
        assert world.step("a").error.code == "unjudged_outcome"
        assert world.step("a").output is None
    decided = started(node, subject="", security=security)
    decided.succeed("a", inline("fine"), redacted=True)
    assert decided.step("a").state == "succeeded"


def test_a_run_of_older_rules_takes_what_it_took() -> None:
    world = started(llm("a"), subject="", security=JUDGING, rules_version=OUTCOMES)
    world.succeed("a", inline("obey"), redacted=False)
    assert world.step("a").state == "succeeded"
