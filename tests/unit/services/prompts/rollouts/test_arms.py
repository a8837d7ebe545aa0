"""Arms at submission: who gets which version, and what a run's spec has of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import structs

from connectors.memory.deployments import MemoryDeployments
from schemas.errors import Unavailable
from schemas.prompts.refs import PromptRef
from schemas.rollouts.deployment import Deployment
from schemas.rollouts.plan import Plan
from schemas.spec.hash import is_whole, resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from schemas.spec.nested import Family, Member, member_key
from services.prompts.rollouts.arms import Arms, arm_of
from services.prompts.rollouts.running import FAILED_FOR_S, FRESH_S, RunningDeployments
from tests.support.families import flow, runs
from tests.support.runs import llm

ORG = "acme"
REF = "greet@production"


def prompt(version: int, template: str = "") -> PinnedPrompt:
    return PinnedPrompt(name="greet", version=version, template=template or f"v{version}", hash=f"{version}" * 64)


@dataclass(frozen=True)
class Stored:
    pinned: PinnedPrompt


class Registry:
    """Versions of one prompt, and how often somebody asked."""

    def __init__(self) -> None:
        self.versions = {number: prompt(number) for number in (1, 2)}
        self.asked = 0

    async def find(self, org_id: str, refs: Sequence[PromptRef]) -> list[Stored | None]:
        self.asked += 1
        found = [self.versions.get(ref.version or 0) for ref in refs]
        return [None if one is None else Stored(one) for one in found]


def deployment(**changes: Any) -> Deployment:
    fields: dict[str, Any] = {"id": "d1", "org_id": ORG, "prompt": "greet", "environment": "production"}
    fields |= {"plan": Plan(salt="s", steps=(0.1, 0.5)), "stable_version": 1, "canary_version": 2}
    return Deployment(**fields | changes)


def plan(**changes: Any) -> Plan:
    return Plan(**{"salt": "s", "steps": (0.1, 0.5)} | changes)


SPEC = resolve(flow("flow", llm("a", REF)), {REF: prompt(1)})


def arms_with(*running: Deployment) -> tuple[Arms, Registry]:
    store, registry = MemoryDeployments(), Registry()
    store.rows = {one.id: one for one in running}
    return Arms(RunningDeployments(store), registry), registry


async def of(arms: Arms, run: str = "r", spec: ResolvedSpec = SPEC, **inputs: Any) -> Any:
    return await arms.of(ORG, run, spec, inputs)


async def test_without_a_rollout_the_spec_is_as_it_was() -> None:
    arms, _ = arms_with()
    found = await of(arms)
    assert (found.spec, found.arms) == (SPEC, ())


async def test_the_share_of_the_canary_is_that_of_the_step() -> None:
    for step, share in ((0, 0.1), (1, 0.5)):
        arms, _ = arms_with(deployment(step=step))
        got = Counter([(await of(arms, f"r{n}")).arms[0].arm for n in range(4_000)])
        assert abs(got["canary"] / 4_000 - share) < 0.03
        assert (await of(arms)).arms[0].step == step


async def test_a_run_has_the_same_arm_whoever_asks_and_a_canary_stays_one() -> None:
    (one, _), (other, _), (later, _) = arms_with(deployment()), arms_with(deployment()), arms_with(deployment(step=1))
    for n in range(300):
        first = (await of(one, f"r{n}")).arms[0]
        assert (await of(other, f"r{n}")).arms[0] == first
        assert first.arm == "stable" or (await of(later, f"r{n}")).arms[0].arm == "canary"


async def test_a_canary_is_pinned_with_the_stable_version_beside_it() -> None:
    arms, registry = arms_with(deployment(plan=plan(steps=(1.0,))))
    found = await of(arms)
    assert (found.arms[0].arm, found.arms[0].version, found.arms[0].other_version) == ("canary", 2, 1)
    assert found.spec.prompts == {"greet@1": prompt(1), REF: prompt(2)}
    assert found.spec.hash != SPEC.hash
    assert is_whole(found.spec)
    assert await of(arms) == found
    assert registry.asked == 1, "versions never change"


async def test_a_stable_run_has_the_spec_of_a_run_without_a_rollout() -> None:
    arms, _ = arms_with(deployment(plan=plan(steps=(0.0001,))))
    found = await of(arms)
    assert found.arms[0].arm == "stable"
    assert found.spec.hash == SPEC.hash


async def test_a_shadow_run_is_stable_with_the_new_version_beside_it() -> None:
    arms, _ = arms_with(deployment(plan=plan(mode="shadow")))
    found = await of(arms)
    assert (found.arms[0].arm, found.arms[0].version, found.arms[0].shadow) == ("stable", 1, True)
    assert found.spec.prompts == {"greet@2": prompt(2), REF: prompt(1)}


async def test_prompts_of_nested_workflows_have_arms() -> None:
    family = Family({member_key("child", 1): Member(flow("child", llm("c", REF)), {REF: prompt(1)})}, {})
    spec = resolve(flow("flow", runs("a", "child", version=1)), {}, family)
    arms, _ = arms_with(deployment(plan=plan(steps=(1.0,))))
    found = await of(arms, spec=spec)
    assert found.spec.children["child@1"].prompts[REF] == prompt(2)
    assert found.spec.prompts == {}
    assert is_whole(found.spec)


@pytest.mark.parametrize(
    "one",
    [
        deployment(plan=plan(mode="all", steps=(1.0,))),
        deployment(environment="staging"),
        deployment(prompt="other"),
        deployment(stable_version=7),
    ],
)
async def test_what_is_no_rollout_of_the_label_gives_no_arm(one: Deployment) -> None:
    arms, _ = arms_with(one)
    assert (await of(arms)).arms == ()


async def test_a_version_or_the_newest_one_has_no_arm() -> None:
    for ref in ("greet@1", "greet", "greet@latest"):
        spec = resolve(flow("flow", llm("a", ref)), {ref: prompt(1)})
        arms, _ = arms_with(deployment(plan=plan(steps=(1.0,))))
        assert (await of(arms, spec=spec)).arms == ()


async def test_a_workflow_that_gets_too_large_has_no_part() -> None:
    arms, registry = arms_with(deployment(plan=plan(steps=(1.0,))))
    registry.versions[2] = prompt(2, "x" * 700_000)
    found = await of(arms)
    assert (found.spec, found.arms) == (SPEC, ())


async def test_a_sticky_plan_assigns_by_the_value_of_an_input_and_hides_it() -> None:
    sticky = deployment(plan=plan(sticky=True, steps=(0.5,)), entity="input.user.id")
    for user in ("ann", "bobby", {"name": 1}):
        got = {arm_of(sticky, f"r{n}", {"user": {"id": user}}) for n in range(20)}
        assert len(got) == 1
        assert str(user) not in got.pop().entity
    shares = Counter(arm_of(sticky, "r", {"user": {"id": n}}).arm for n in range(2_000))
    assert 900 < shares["canary"] < 1_100
    missing = {arm_of(sticky, f"r{n}", {}).entity for n in range(20)}
    assert len(missing) == 20, "each run is its own entity"


async def test_the_same_spec_can_be_had_again_from_recorded_arms() -> None:
    arms, registry = arms_with(deployment(plan=plan(steps=(1.0,))))
    found = await of(arms)
    again = await Arms(RunningDeployments(MemoryDeployments()), registry).again(ORG, SPEC, found.arms)
    assert again == found.spec
    registry.versions.pop(2)
    fresh = Arms(RunningDeployments(MemoryDeployments()), registry)
    assert await fresh.again(ORG, SPEC, found.arms) is None


class Failing(MemoryDeployments):
    """Answers nothing while ``down``."""

    down = False

    async def running(self, org_id: str | None = None) -> list[Deployment]:
        if self.down:
            raise Unavailable("postgres", "no answer")
        return await super().running(org_id)


async def test_what_runs_is_known_for_a_moment_and_kept_while_nobody_answers() -> None:
    store, now = Failing(), [0.0]
    running = RunningDeployments(store, lambda: now[0])
    assert await running.of(ORG) == ()
    store.rows["d1"] = deployment()
    assert await running.of(ORG) == ()
    now[0] += FRESH_S
    assert [one.id for one in await running.of(ORG)] == ["d1"]
    store.down = True
    store.rows["d1"] = structs.replace(store.rows["d1"], status="stopped")
    now[0] += FRESH_S
    assert [one.id for one in await running.of(ORG)] == ["d1"]
    store.down = False
    now[0] += FAILED_FOR_S
    assert await running.of(ORG) == ()
