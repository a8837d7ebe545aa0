"""Runs with arms of a rollout: a prompt of a canary or a stable version, in the run and in one that it starts."""

from msgspec import structs

from schemas.records.rollouts.arms import RunArm
from schemas.records.run_events import RunSubmitted
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from schemas.spec.nested import Family, Member, member_key
from schemas.spec.rules_version import ARMS
from tests.simulation.world.workflows import FAST, TIMED
from tests.support.arms import REF, STABLE, arm, with_arm
from tests.support.families import flow, runs
from tests.support.runs import function, llm

_PROMPTS: dict[str, PinnedPrompt] = {REF: STABLE}


def _base() -> ResolvedSpec:
    kid = flow("kid", llm("k", REF, inputs={"word": "x"}) | {"policy": FAST})
    mapped = {"policy": FAST}
    spec = flow(
        "flow",
        function("a", TIMED),
        llm("b", REF, inputs={"word": "a.output"}) | {"policy": FAST},
        llm("m", REF, inputs={"word": "{{item}}"}, parallel=True, items=[1, 2], on_child_error="skip") | mapped,
        runs("r", "kid", FAST, inputs={}, version=1),
        edges="a>b b>m m>r",
    )
    return resolve(spec, _PROMPTS, Family({member_key("kid", 1): Member(kid, _PROMPTS)}, {}))


BASE = _base()


def arm_of(number: int) -> RunArm:
    """Return the arm of a run: every other one has the canary."""
    if number % 2:
        return arm(arm="stable", version=1, other_version=0, entity="")
    return arm(entity="")


def armed(run: RunSubmitted, number: int) -> RunSubmitted:
    """Return a submission with its arm."""
    of = arm_of(number)
    return structs.replace(run, spec=with_arm(BASE, of), rollouts=[of], rules_version=ARMS)
