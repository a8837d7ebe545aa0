"""Steps that ask a person before they work, and people who answer: in time or late, yes or no, or something else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import structs

from schemas.payload import inline
from schemas.records.run_events import RunSubmitted, SignalReceived
from schemas.records.security.pinned import Question, RunSecurity
from schemas.records.steps import StepRequest
from schemas.spec.approvals import approval_name
from schemas.spec.rules_version import LABELS
from tests.simulation.ports.log import SimLog
from tests.simulation.scheduler import Process
from tests.support.runs import ORG

if TYPE_CHECKING:
    from tests.simulation.world.world import World

#: How long a question lasts, and how long people take.
TIMEOUT_MS = 5_000
THINK_MS = (0, 50, 500, 3_000, 20_000)
#: How often nobody answers at all.
NEVER = 0.15
#: Of so many steps one does not ask.
NOT_OF = 3
RULES = ["first", "second"]


def asking(run: RunSubmitted) -> RunSubmitted:
    """Return a submission whose steps carry what people said yes to."""
    return structs.replace(run, security=RunSecurity(policy="p@1", inputs={"$": ["trusted"]}), rules_version=LABELS)


def question_of(request: StepRequest) -> Question | None:
    """Return what a step asks before this attempt; ``None`` when it asks nothing, or has its answer."""
    said = request.security
    digest = hashlib.sha256(f"{request.run_id}/{request.step_id}".encode()).hexdigest()
    if said is None or int(digest[:2], 16) % NOT_OF == 0:
        return None
    yes = {one.rule for one in said.approvals if one.args_hash == digest}
    open_ = [rule for rule in RULES if rule not in yes]
    return Question(rules=open_, tool="t", args_hash=digest, timeout_ms=TIMEOUT_MS) if open_ else None


async def answer(world: World, process: Process, log: SimLog, request: StepRequest, asked: Question) -> None:
    """Answer a question; perhaps another one first, which nobody has asked."""
    rng = world.rng
    await world.scheduler.turn(process, "think", rng.choice(THINK_MS))
    if rng.random() < NEVER:
        world.clients.busy -= 1
        return
    approve, number = rng.random() < 0.75, rng.randint(0, 10**9)
    wrong = {"approve": not approve, "question": "0" * 16}
    right = {"approve": approve, "question": asked.id}
    for name, said in [("wrong", wrong)] * (rng.random() < 0.2) + [("right", right)]:
        signal = SignalReceived(
            run_id=request.run_id,
            org_id=ORG,
            name=approval_name(request.step_id),
            signal_id=f"{name} {number}",
            payload=inline(said),
            sent_by="ann",
        )
        await world.clients.persist(process, log, [signal])
    world.clients.busy -= 1
