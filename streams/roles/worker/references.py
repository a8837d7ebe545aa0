"""Live answers compared with those of a pinned reference, so that a model which changes is named soon.

A share of the calls of watched models is made again at the reference, once, after the answer was given; nothing waits
for it. Its money is the organisation's, under the tag ``agentflow.shadow=reference``, and no run's: budgets hold for
it, and a limit for each day of this process. What is written of a pair is that it was the same or not; the
reference's answer is in its call alone, as ``CAPTURE`` has it.

A call without an answer of both is no pair: an error of the reference says nothing of the model.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import structs

from connectors.aio.aside import AsideTasks
from connectors.ports.engine import Clock
from connectors.redis.claims.leases import Granted
from schemas.budgets import SHADOW_TAG
from schemas.errors import StepError, Unavailable
from schemas.ids import request_id
from schemas.records.base import Json
from schemas.records.quality import REFERENCE_SCORER, AnswerScored, Compared
from schemas.records.steps import LlmCall, StepRequest
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.observability.replay.divergence import ShadowShare, Watch, Watches, differ
from streams.roles.worker.rollouts import Say
from streams.roles.worker.shadows import MakeCall, booked

log = logging.getLogger(__name__)

#: More at once would take the provider's room from the calls that somebody waits for; what is more is left out.
MOST = 16
#: Ends the id of a reference's call, and is the value of its tag.
SUFFIX, TAG = "~reference", "reference"
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePorts:
    """What references are asked with. ``count`` counts what became of each."""

    call: MakeCall
    say: Say
    clock: Clock
    count: Callable[[str], None]


@dataclass(slots=True)
class _Watched:
    """A watch with its choice of calls, and what was spent on its day."""

    watch: Watch
    share: ShadowShare
    day: int = -1
    spent_nano: int = 0
    waiting: int = field(default=0)

    def has_money(self, now_ms: int) -> bool:
        day = now_ms // _DAY_MS
        if day != self.day:
            self.day, self.spent_nano = day, 0
        return self.spent_nano < self.watch.budget_nano


class References:
    """Asks references in tasks of their own."""

    def __init__(self, watches: Watches, ports: ReferencePorts) -> None:
        self._ports = ports
        self._watched = [_Watched(one, ShadowShare(one.share)) for one in watches.watches]
        self._tasks = AsideTasks(MOST)

    def start(self, request: StepRequest, granted: Granted, ledger: Ledger, answer: Json) -> None:
        """Ask the reference of an answer that was just given, if it is watched and chosen."""
        if not self._watched or ledger.cached or not isinstance(request.work, LlmCall):
            return
        model = f"{ledger.provider}/{ledger.model}"
        name = request.work.prompt_name
        one = next((one for one in self._watched if one.watch.covers(request.org_id, name, model)), None)
        # Repeats of a step would be two pairs of one question; data of a person stays where it was sent.
        if one is None or request.attempt > 1 or request.subject or not one.share.takes():
            return
        if self._tasks.full or not one.has_money(self._ports.clock.now_ms()):
            self._ports.count("left_out")
            return
        self._tasks.start(self._run(one, request, granted, model, answer), f"reference {granted.call_id}")

    async def close(self) -> None:
        """Break off what is being asked."""
        await self._tasks.close()

    async def _run(self, one: _Watched, request: StepRequest, granted: Granted, model: str, shown: Json) -> None:
        asked, ledger = _asked(request, one.watch), Ledger(key_suffix=SUFFIX, aside=True)
        answer: Json = None
        try:
            answer = await self._ports.call(asked, granted, ledger)
        except Deferred:
            self._ports.count("left_out")
            return
        except Exception as exc:  # noqa: BLE001 - the shown answer must not suffer
            code = exc.code if isinstance(exc, StepError) else type(exc).__name__
            log.info("a reference did not answer: %s", code, extra={"action": "reference"})
            pair = None
        else:
            different = await asyncio.to_thread(differ, shown, answer, one.watch.alike)
            pair = self._pair(one.watch, request, model, different=different)
        one.spent_nano += ledger.cost_nano
        self._ports.count("failed" if pair is None else "compared")
        records = [*booked(asked, ledger, SUFFIX, "reference_of"), *([] if pair is None else [pair])]
        try:
            await self._ports.say(records)
        except Unavailable as exc:
            # Its hold becomes a presumed settlement, as any call's whose worker is gone.
            log.warning("what a reference cost is not in the log yet: %s", exc, extra={"action": "reference"})

    def _pair(self, watch: Watch, request: StepRequest, model: str, *, different: bool) -> AnswerScored:
        work = request.work
        assert isinstance(work, LlmCall)
        return AnswerScored(
            org_id=request.org_id,
            prompt=work.prompt_name,
            version=work.prompt_version,
            workflow_name=request.workflow_name,
            model=model,
            scorer=REFERENCE_SCORER,
            score=0.0 if different else 1.0,
            call=request_id(request.run_id, request.step_id, request.attempt),
            run_id=request.run_id,
            step_id=request.step_id,
            scored_at_ms=self._ports.clock.now_ms(),
            compared=Compared(reference=watch.reference, differs_most=watch.differs_most, alpha=watch.alpha),
        )


def _asked(request: StepRequest, watch: Watch) -> StepRequest:
    """Return the same question to the reference: answered now, without the cache, and by nothing else."""
    work = request.work
    assert isinstance(work, LlmCall)
    provider, _, model = watch.reference.partition("/")
    pinned = structs.replace(
        work,
        provider=provider,
        model=model,
        cache=False,
        cache_wish=None,
        route=None,
        stream=False,
        batch="never",
        rollout=None,
    )
    return structs.replace(request, work=pinned, run_budget_nano=None, caps={}, tags=request.tags | {SHADOW_TAG: TAG})
