"""Shadows: calls of another version beside those whose answers are shown.

A shadow is called once, after the first attempt of a step, and nothing waits for it: neither the step nor its run. Its
money is the organisation's, under a tag of its own, and no run's: the organisation's budgets hold for it, the run's
cap does not. Its outcome goes to the rollout, and its answer is kept for a while, to be scored like the shown one.
A shadow that dies with its worker has no outcome; its hold becomes a presumed settlement, as any call's.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import structs

from connectors.aio.aside import AsideTasks
from connectors.ports.engine import Clock
from connectors.redis.claims.leases import Granted
from connectors.redis.shadow_answers import SUFFIX, ShadowAnswer
from connectors.tools.isolation.raised import contain
from schemas.budgets import SHADOW_TAG
from schemas.errors import StepError, Unavailable, Undecodable
from schemas.ids import span_id, trace_id
from schemas.payload import INLINE_LIMIT
from schemas.records.base import Json, Record
from schemas.records.spans import SpanLink, TraceSpans
from schemas.records.steps import StepRequest
from schemas.rollouts.plan import CANARY
from services.calls.ledger import Ledger
from services.calls.ports import Objects
from services.calls.timeouts import Deferred
from streams.roles.worker.rollouts import Part, Say

log = logging.getLogger(__name__)

#: More at once would take the provider's room from the calls that somebody waits for; what is more is left out.
MOST = 32
#: A version whose prompt cannot be rendered fails; one that no budget allows says nothing of itself.
_OF_THE_PROMPT = ("missing_variable", "bad_template", "invalid_prompt_input")

MakeCall = Callable[[StepRequest, Granted, Ledger], Awaitable[Json]]


class Answers(Protocol):
    """Where answers of shadows are kept, see ``connectors.redis.shadow_answers``."""

    async def put(self, org_id: str, request_id: str, answer: ShadowAnswer) -> None:
        """Keep the answer of an attempt. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPorts:
    """What shadows are made with. ``answers`` keeps theirs; without it none is scored."""

    call: MakeCall
    say: Say
    objects: Objects
    clock: Clock
    answers: Answers | None = None


class Shadows:
    """Calls shadows in tasks of their own."""

    def __init__(self, ports: ShadowPorts) -> None:
        self._ports = ports
        self._tasks = AsideTasks(MOST)

    def start(self, part: Part, granted: Granted) -> None:
        """Call the shadow of an attempt, if it has one and there is room for it."""
        shadow = part.shadow
        if shadow is None or shadow.attempt > 1 or self._tasks.full:
            return
        self._tasks.start(self._run(part, shadow, granted), f"shadow {shadow.request_id}")

    async def close(self) -> None:
        """Break off what is being called."""
        await self._tasks.close()

    async def _run(self, part: Part, shadow: StepRequest, granted: Granted) -> None:
        assert part.rollout is not None
        tags = shadow.tags | {SHADOW_TAG: part.rollout.deployment_id}
        asked = structs.replace(shadow, run_budget_nano=None, caps={}, tags=tags)
        ledger, clock = Ledger(key_suffix=SUFFIX, aside=True), self._ports.clock
        started_ms = clock.now_ms()
        ok, output = True, None
        try:
            output = await self._ports.call(asked, granted, ledger)
        except Deferred:
            return
        except Exception as exc:  # noqa: BLE001 - the shown answer must not suffer
            ok = False
            if not ledger.calls and not _is_of_prompt(contain(exc)):
                log.info("a shadow was not called: %s", exc, extra={"action": "shadow"})
                return
        took_ms = max(0, clock.now_ms() - started_ms)
        if ok and self._ports.answers is not None:
            ok = await self._keep(self._ports.answers, shadow, output, ledger, took_ms)
        outcome = part.outcome(CANARY, ok=ok, ledger=ledger, latency_ms=float(took_ms))
        await self._ports.say([*booked(asked, ledger, SUFFIX, "shadow_of"), outcome])

    async def _keep(self, answers: Answers, shadow: StepRequest, output: Json, ledger: Ledger, took_ms: int) -> bool:
        """Keep an answer to be scored; return false for one that no record can carry, which fails a step, too."""
        try:
            payload = await self._ports.objects.to_payload(shadow.org_id, output, most=INLINE_LIMIT)
            kept = ShadowAnswer(output=payload, latency_ms=took_ms, cost_nano=ledger.cost_nano)
            await answers.put(shadow.org_id, shadow.request_id, kept)
        except Undecodable:
            return False
        except Unavailable as exc:
            log.info("the answer of a shadow is not kept: %s", exc, extra={"action": "shadow"})
        return True


def booked(shadow: StepRequest, ledger: Ledger, suffix: str, relation: str) -> list[Record]:
    """Return the records of calls beside a run. Their spans have a trace of their own, for they cost the run nothing.

    ``suffix`` ends the trace's name; ``relation`` is what the spans' link to the attempt says.
    """
    own, attempt = f"{shadow.request_id}{suffix}", span_id(shadow.run_id, shadow.step_id, shadow.attempt)
    link = SpanLink(trace_id=trace_id(shadow.run_id), span_id=attempt, relation=relation)
    spans = TraceSpans(
        record_id=own,
        trace_id=trace_id(own),
        org_id=shadow.org_id,
        run_id="",
        spans=[structs.replace(span, links=[link]) for span in ledger.spans],
        tags=shadow.tags,
    )
    return [*ledger.calls, *ledger.costs, *([spans] if ledger.spans else [])]


def _is_of_prompt(exc: Exception) -> bool:
    return isinstance(exc, StepError) and exc.code in _OF_THE_PROMPT
