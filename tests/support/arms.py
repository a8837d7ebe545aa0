"""Runs with arms of a rollout: a prompt with a stable version and a canary, and specs that pin them."""

from typing import Any

from schemas.records.rollouts.arms import RunArm
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from schemas.spec.nested import Family
from schemas.spec.repin import repinned
from tests.support.families import flow

STABLE = PinnedPrompt(name="greet", version=1, template="hi {{word}}", hash="1" * 64)
CANARY = PinnedPrompt(name="greet", version=2, template="yo {{word}}", hash="2" * 64)
REF = "greet@production"


def arm(**changes: Any) -> RunArm:
    fields: dict[str, Any] = {"prompt": "greet", "environment": "production", "deployment_id": "d1", "step": 1}
    return RunArm(**fields | {"arm": "canary", "version": 2, "other_version": 1, "entity": "e"} | changes)


def with_arm(spec: ResolvedSpec, of: RunArm) -> ResolvedSpec:
    versions = {1: STABLE, 2: CANARY}

    def change(prompts: Any) -> dict[str, PinnedPrompt]:
        if of.ref not in prompts:
            return dict(prompts)
        other = {of.other_ref: versions[of.other_version]} if of.other_version else {}
        return prompts | {of.ref: versions[of.version]} | other

    return repinned(spec, change)


def spec_of(*nodes: Any, edges: str = "", family: Family | None = None) -> ResolvedSpec:
    return resolve(flow("flow", *nodes, edges=edges), {REF: STABLE, "greet@1": STABLE}, family or Family())
