"""Which answers of a run are scored, and the records that say their scores: to what learns routes, and to rollouts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from connectors.redis.shadow_answers import SUFFIX, ShadowAnswer
from schemas.budgets import PROJECT_TAG
from schemas.ids import request_id
from schemas.records.quality import AnswerScored
from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunScored
from schemas.records.routes import RouteScored
from schemas.rollouts.plan import CANARY
from schemas.spec.loops import every_node
from schemas.spec.model import LlmNode, PinnedPrompt, ResolvedSpec
from services.prompts.evaluations.workflow import workflow_name
from services.prompts.from_runs.reading import is_answer
from services.prompts.live.judging import is_judge
from services.prompts.live.policy import is_sampled
from services.runs.answers.scores import learns

#: The name of the scores on ``route-outcomes``.
NAME = "live"


@dataclass(frozen=True, slots=True)
class Picked:
    """An answer to score: its step, and the policy of its prompt. ``arm`` is that of a rollout."""

    step: StoredStep
    node: LlmNode
    prompt: PinnedPrompt
    policy: ScoringPolicy
    call: str
    project: str | None
    arm: RunArm | None = None

    @property
    def is_shadow(self) -> bool:
        """Whether nobody was shown the answer."""
        return self.arm is not None and self.arm.shadow and self.arm.arm == CANARY


def shadow_of(shown: Picked, answer: ShadowAnswer, spec: ResolvedSpec) -> Picked:
    """Return the shadow of an answer, as an answer to score: of the other version, which the spec of its run pins."""
    arm = shown.arm
    assert arm is not None
    step = replace(
        shown.step,
        output=msgspec.to_builtins(answer.output),
        cost_nano=answer.cost_nano,
        started_ms=0,
        finished_ms=answer.latency_ms,
    )
    version = msgspec.structs.replace(arm, arm=CANARY, version=arm.other_version)
    return replace(shown, step=step, prompt=spec.prompts[arm.other_ref], call=f"{shown.call}{SUFFIX}", arm=version)


def picked_of(
    run: StoredRun, steps: Sequence[StoredStep], spec: ResolvedSpec, policies: Mapping[str, ScoringPolicy]
) -> Iterator[Picked]:
    """Yield the answers that are scored. One of a cache, of another run or of an evaluation is none of production."""
    if is_judge(run.workflow_name):
        return
    nodes = {node.id: node for node in every_node(spec.spec.dag.nodes) if isinstance(node, LlmNode)}
    arms = {arm.ref: arm for arm in msgspec.convert(run.rollouts or [], list[RunArm])}
    for step in steps:
        node = nodes.get(step.node_id)
        if node is None or not is_answer(step) or step.cached or step.reused_from is not None:
            continue
        prompt, call = spec.prompts[node.config.prompt_ref], request_id(run.id, step.step_id, step.attempt)
        policy, arm = policies.get(prompt.name), arms.get(node.config.prompt_ref)
        if policy is None or not _covers(policy, prompt, arm) or run.workflow_name == workflow_name(prompt.name):
            continue
        if is_sampled(prompt.name, call, policy.sample):
            yield Picked(step, node, prompt, policy, call, run.tags.get(PROJECT_TAG), arm)


def _covers(policy: ScoringPolicy, prompt: PinnedPrompt, arm: RunArm | None) -> bool:
    """Return whether answers are scored. Where a label's are, so are those of both arms of its rollout."""
    of_rollout = arm is not None and policy.label == arm.environment
    return of_rollout or policy.covers(prompt.version)


def route_scores(org_id: str, picked: Mapping[str, Picked], stored: Sequence[LiveScore]) -> Iterator[RouteScored]:
    """Yield the scores of answers whose nodes learn routes: made of stored values alone, so the same ones each time."""
    for call, scores in _by_call(stored).items():
        one, total = picked.get(call), total_of(scores)
        if one is None or total is None or not learns(one.node) or one.is_shadow:
            continue
        common: dict[str, Any] = {"org_id": org_id, "prompt": one.prompt.name, "tier": one.node.policy.quality}
        yield RouteScored(
            **common,
            decision_id=call,
            run_id=scores[0].run_id,
            step_id=one.step.step_id,
            score=total,
            name=NAME,
            scored_at_ms=max(score.scored_ms for score in scores),
        )


def arm_scores(org_id: str, picked: Mapping[str, Picked], stored: Sequence[LiveScore]) -> Iterator[RunScored]:
    """Yield the scores of answers whose prompt is in a rollout. The first one of a run counts."""
    by_call = _by_call(stored)
    for call, one in picked.items():
        arm, total = one.arm, total_of(by_call.get(call, ()))
        if arm is None or total is None:
            continue
        yield RunScored(
            org_id=org_id,
            prompt=arm.prompt,
            environment=arm.environment,
            deployment_id=arm.deployment_id,
            run_id=arm.run_id or by_call[call][0].run_id,
            arm=arm.arm,
            step=arm.step,
            entity=arm.entity,
            score=total,
        )


def series_scores(
    org_id: str, run: StoredRun, picked: Mapping[str, Picked], stored: Sequence[LiveScore]
) -> Iterator[AnswerScored]:
    """Yield every score for the series of quality; a scorer that failed has none, nor has an answer nobody got."""
    for score in stored:
        one = picked.get(score.call)
        if one is not None and score.score is not None and not one.is_shadow:
            yield AnswerScored(
                org_id=org_id,
                prompt=score.prompt,
                version=score.version,
                workflow_name=run.workflow_name,
                model=one.step.model or "",
                scorer=score.scorer.replace("/", "_"),
                score=min(1.0, max(0.0, score.score)),
                call=score.call,
                run_id=run.id,
                step_id=score.step_id,
                scored_at_ms=score.scored_ms,
            )


def _by_call(stored: Sequence[LiveScore]) -> dict[str, list[LiveScore]]:
    found: dict[str, list[LiveScore]] = {}
    for score in stored:
        found.setdefault(score.call, []).append(score)
    return found


def total_of(scores: Sequence[LiveScore]) -> float | None:
    """Return the score of an answer: the mean of its scorers, by weight; ``None`` if one with a weight failed."""
    weighed = [one for one in scores if one.weight > 0]
    found = [(one.score, one.weight) for one in weighed if one.score is not None]
    if not found or len(found) < len(weighed):
        return None
    return min(1.0, sum(score * weight for score, weight in found) / sum(weight for _, weight in found))
