"""What somebody's score of an answer counts for: the routes of its node, the rollout of its prompt, its series.

Pure. One score is a record for each; every fold knows its repeats.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.errors import Conflict
from schemas.ids import request_id
from schemas.records.quality import AnswerScored
from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunScored
from schemas.records.routes import RouteScored
from schemas.spec.loops import every_node
from schemas.spec.model import AgentNode, LlmNode, PinnedPrompt, ResolvedSpec
from schemas.spec.policy import Tier

Scored = RouteScored | RunScored | AnswerScored
CountsFor = Literal["routes", "rollout", "quality"]
#: The scorer of scores without a name.
PEOPLE = "people"


@dataclass(frozen=True)
class Score:
    """A score of a step's answer, 0 to 1. ``attempt`` is the last one if it is not given."""

    step_id: str
    score: float
    name: str = ""
    attempt: int | None = None


@dataclass(frozen=True)
class Answered:
    """The answer that a score is of: an attempt of a step, and what its run's workflow says, where that is known."""

    org_id: str
    run: StoredRun
    step: StoredStep
    attempt: int
    spec: ResolvedSpec | None

    @property
    def call(self) -> str:
        """The id of the request that was answered."""
        return request_id(self.run.id, self.step.step_id, self.attempt)


def scored_records(answer: Answered, one: Score, now_ms: int) -> list[Scored]:
    """Return the records of a score. Raises ``Conflict`` for a step that is no answer of a model."""
    step, spec = answer.step, answer.spec
    nodes = [] if spec is None else every_node(spec.spec.dag.nodes)
    node = next((one for one in nodes if one.id == step.node_id), None)
    if spec is None or not isinstance(node, LlmNode | AgentNode):
        raise Conflict(f"step {step.step_id} is no answer of a model: score a step of a node of type llm or agent")
    ref = node.config.prompt_ref
    prompt = spec.prompts[ref]
    found: list[Scored] = []
    if learns(node):
        found.append(_route_score(answer, prompt, node.policy.quality, one, now_ms))
    found += _arm_score(answer, ref, one)
    # An answer that the model did not give now says nothing of how it answers.
    if not step.cached and step.reused_from is None:
        found.append(_answer_score(answer, prompt, one, now_ms))
    if not found:
        raise Conflict(f"the answer of step {step.step_id} comes from an earlier call: score it where it was given")
    return found


def _route_score(answer: Answered, prompt: PinnedPrompt, tier: Tier, one: Score, now_ms: int) -> RouteScored:
    return RouteScored(
        org_id=answer.org_id,
        prompt=prompt.name,
        tier=tier,
        decision_id=answer.call,
        run_id=answer.run.id,
        step_id=answer.step.step_id,
        score=one.score,
        name=one.name,
        scored_at_ms=now_ms,
    )


def _answer_score(answer: Answered, prompt: PinnedPrompt, one: Score, now_ms: int) -> AnswerScored:
    return AnswerScored(
        org_id=answer.org_id,
        prompt=prompt.name,
        version=prompt.version,
        workflow_name=answer.run.workflow_name,
        model=answer.step.model or "",
        scorer=(one.name or PEOPLE).replace("/", "_"),
        score=one.score,
        call=answer.call,
        run_id=answer.run.id,
        step_id=answer.step.step_id,
        scored_at_ms=now_ms,
    )


def learns(node: LlmNode | AgentNode) -> bool:
    """Return whether scores of a node's answers teach its routes."""
    # A prompt that names a model changes nothing of a node whose policy chooses it.
    route, config = node.policy.route, node.config
    return route is not None and route.by == "learn" and config.provider is None and config.model is None


def counts_for(records: list[Scored]) -> list[CountsFor]:
    """Return what a score counts for."""
    names: dict[type, CountsFor] = {RouteScored: "routes", RunScored: "rollout", AnswerScored: "quality"}
    return [names[type(record)] for record in records]


def _arm_score(answer: Answered, ref: str, one: Score) -> Iterator[RunScored]:
    run = answer.run
    for arm in msgspec.convert(run.rollouts or [], list[RunArm]):
        if arm.ref == ref:
            yield RunScored(
                org_id=answer.org_id,
                prompt=arm.prompt,
                environment=arm.environment,
                deployment_id=arm.deployment_id,
                run_id=arm.run_id or run.id,
                arm=arm.arm,
                step=arm.step,
                entity=arm.entity,
                score=one.score,
            )
