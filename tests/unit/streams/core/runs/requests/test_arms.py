"""Arms of rollouts in a run: what its requests, its views and its child runs say of them."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.payload import Reference
from schemas.prompts.form import PromptForm
from schemas.records.rollouts.arms import RunArm
from schemas.records.run_events import RunSubmitted
from schemas.records.steps import AgentTurn, CallRollout, LlmCall
from schemas.spec.hash import resolve
from schemas.spec.model import ResolvedSpec
from schemas.spec.nested import Family, Member, member_key
from schemas.spec.repin import repinned
from schemas.spec.rules_version import ARMS, rules_of
from streams.core.runs.fold import RunFold
from tests.support.arms import CANARY, REF, STABLE, arm, spec_of, with_arm
from tests.support.families import flow, runs
from tests.support.runs import RUN, World, function, llm, submitted


def world_of(spec: ResolvedSpec, of: RunArm, **changes: Any) -> World:
    world = World()
    fields = {"rollouts": [of], "rules_version": ARMS, "inputs": {"word": "you"}}
    world.feed(submitted(with_arm(spec, of), **fields | changes))
    return world


def rollout_of(world: World) -> CallRollout | None:
    work = world.requests[-1].work
    assert isinstance(work, LlmCall)
    return work.rollout


def test_a_canary_is_called_and_the_stable_version_travels_with_it() -> None:
    world = world_of(spec_of(llm("a", REF)), arm())
    work, rollout = world.requests[-1].work, rollout_of(world)
    assert isinstance(work, LlmCall)
    assert rollout is not None
    assert (work.prompt_version, work.template) == (2, "yo {{word}}")
    assert (rollout.deployment_id, rollout.arm, rollout.step, rollout.entity) == ("d1", "canary", 1, "e")
    assert rollout.other is not None
    assert (rollout.other.prompt_version, rollout.other.template, rollout.other.rollout) == (1, "hi {{word}}", None)
    assert world.views[-1].rollouts == [arm()]


def test_a_stable_arm_needs_no_other_version() -> None:
    world = world_of(spec_of(llm("a", REF)), arm(arm="stable", version=1, other_version=0))
    rollout = rollout_of(world)
    assert rollout is not None
    assert (rollout.arm, rollout.other, rollout.shadow) == ("stable", None, False)


def test_a_shadow_travels_beside_the_stable_version() -> None:
    world = world_of(spec_of(llm("a", REF)), arm(arm="stable", version=1, other_version=2, shadow=True))
    rollout = rollout_of(world)
    assert rollout is not None
    assert rollout.shadow
    assert rollout.other is not None
    assert rollout.other.prompt_version == 2


def test_nodes_that_name_another_label_or_a_version_have_no_arm() -> None:
    world = world_of(spec_of(llm("a", REF), llm("b", "greet@1"), edges="a>b"), arm())
    assert rollout_of(world) is not None
    world.succeed("a", "x")
    work = world.requests[-1].work
    assert isinstance(work, LlmCall)
    assert (work.prompt_version, work.rollout) == (1, None)


def test_a_chained_step_has_its_arm() -> None:
    world = World()
    world.rules = RunFold(chain_steps=True)
    of = arm()
    spec = with_arm(spec_of(function("a"), llm("b", REF), edges="a>b"), of)
    world.feed(submitted(spec, rollouts=[of], rules_version=ARMS))
    [chained] = world.requests[-1].continuation
    assert isinstance(chained.work, LlmCall)
    assert chained.work.rollout is not None
    assert chained.work.rollout.other is not None


def test_an_agent_has_the_tools_of_the_version_that_replaces_it() -> None:
    form = PromptForm(tools=["search"])
    stable = STABLE.model_copy(update={"form": form})
    agent = {"id": "bot", "type": "agent", "config": {"prompt_ref": REF}}
    base = resolve(flow("flow", agent), {REF: stable})
    canary = CANARY.model_copy(update={"form": PromptForm(tools=["read", "write"])})
    spec = repinned(base, lambda _: {REF: canary, "greet@1": stable})
    world = World()
    world.feed(submitted(spec, rollouts=[arm()], rules_version=ARMS, inputs={"word": "you"}))
    work = world.requests[-1].work
    assert isinstance(work, AgentTurn)
    assert work.tools == ["read", "write"]
    assert work.call.rollout is not None
    assert work.call.rollout.other_tools == ["search"]


def test_stored_inputs_that_only_the_other_version_names_are_there() -> None:
    canary = CANARY.model_copy(update={"template": "yo"})
    spec = repinned(spec_of(llm("a", REF)), lambda _: {REF: canary, "greet@1": STABLE})
    far = Reference(uri="objects/1", sha256="0" * 64, size=100_000)
    world = World()
    world.feed(
        submitted(spec, rollouts=[arm()], rules_version=ARMS, inputs={"word": None}, stored_inputs={"word": far})
    )
    assert [link.at for link in world.requests[-1].links] == [["word"]]


def test_a_child_run_has_the_arm_and_the_exposure_is_that_of_the_run_at_the_top() -> None:
    child = flow("child", llm("c", REF))
    family = Family({member_key("child", 1): Member(child, {REF: STABLE})}, {})
    of = arm()
    spec = with_arm(spec_of(runs("a", "child", version=1, inputs={"word": "you"}), family=family), of)
    world = World()
    world.feed(submitted(spec, rollouts=[of], rules_version=ARMS))
    [event] = [one for one in emitted(world) if isinstance(one, RunSubmitted)]
    assert event.rules_version == ARMS
    assert [(one.run_id, one.version, one.deployment_id) for one in event.rollouts] == [(RUN, 2, "d1")]
    inner = World()
    inner.feed(event)
    rollout = rollout_of(inner)
    assert rollout is not None
    assert (rollout.run_id, rollout.other is not None) == (RUN, True)


def test_a_child_run_without_the_prompt_has_no_arm() -> None:
    child = flow("child", function("c"))
    family = Family({member_key("child", 1): Member(child, {})}, {})
    of = arm()
    spec = with_arm(spec_of(llm("b", REF), runs("a", "child", version=1, inputs={}), family=family), of)
    world = World()
    world.feed(submitted(spec, rollouts=[of], rules_version=ARMS, inputs={"word": "you"}))
    [event] = [one for one in emitted(world) if isinstance(one, RunSubmitted)]
    assert (event.rollouts, event.rules_version) == ([], 1)


def emitted(world: World) -> list[Any]:
    return [command.record for command in world.commands if hasattr(command, "record")]


def test_a_restored_run_asks_for_the_same_arm() -> None:
    world = world_of(spec_of(llm("a", REF)), arm())
    first = world.requests[-1]
    asked = [c.record for c in world.rules.outstanding(world.state, RUN, world.now_ms) if hasattr(c, "record")]
    assert first.work in [getattr(one, "work", None) for one in asked]


def test_arms_need_the_rules_that_know_them() -> None:
    spec = with_arm(spec_of(llm("a", REF)), arm())
    with pytest.raises(BadRecord, match="rules_version"):
        World().feed(submitted(spec, rollouts=[arm()], rules_version=rules_of(spec.spec, spec.prompts.values())))


def test_an_arm_whose_version_the_spec_has_not_is_refused() -> None:
    with pytest.raises(BadRecord, match="does not pin"):
        World().feed(submitted(spec_of(llm("a", REF)), rollouts=[arm()], rules_version=ARMS))


def test_a_run_without_arms_keeps_its_rules_and_says_nothing() -> None:
    world = World()
    world.feed(submitted(spec_of(llm("a", REF)), inputs={"word": "you"}))
    assert rollout_of(world) is None
    assert world.views[-1].rollouts == []


CLOSED = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "additionalProperties": False}


def quarantined(first: object, second: object | None, of: RunArm | None = None) -> World:
    """Return a run of a quarantined node whose prompt's versions have these schemas."""
    stable = STABLE.model_copy(update={"form": PromptForm(output_schema=first)})
    canary = CANARY.model_copy(update={"form": PromptForm(output_schema=second)})
    node = llm("a", REF, quarantined=True)
    spec = resolve(flow("flow", node), {REF: stable}, Family())
    if of is not None:
        spec = repinned(spec, lambda prompts: {**prompts, "greet@2": canary})
    world = World()
    fields: dict[str, Any] = {"rollouts": [of] if of else [], "rules_version": ARMS, "inputs": {"word": "you"}}
    world.feed(submitted(spec, **fields))
    return world


def failed_with(world: World) -> tuple[str, str]:
    view = world.views[-1]
    assert view.error is not None
    return view.status, view.error.code


def test_a_quarantined_node_is_asked_by_a_closed_schema_alone() -> None:
    assert isinstance(quarantined(CLOSED, {"type": "string"}).requests[-1].work, LlmCall)
    for opened in ({"type": "string"}, {"type": "object"}, None):
        world = quarantined(opened, CLOSED)
        assert not world.requests
        assert failed_with(world) == ("failed", "quarantine_open")


def test_a_quarantined_node_is_not_asked_with_an_arm_whose_schema_is_open() -> None:
    stable = arm(arm="stable", version=1, other_version=2)
    assert failed_with(quarantined(CLOSED, {"type": "string"}, stable)) == ("failed", "quarantine_open")
    # The answer of a shadow is given to nobody.
    shadow = arm(arm="stable", version=1, other_version=2, shadow=True)
    assert quarantined(CLOSED, {"type": "string"}, shadow).requests
