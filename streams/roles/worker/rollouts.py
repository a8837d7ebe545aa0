"""An attempt's part in a rollout: which version it calls, when it counts as exposed, and what a shadow is.

1. Before anything is rendered: a canary that is withdrawn is replaced by the stable version that travels with it.
2. The exposure is in the log before a provider is asked, or when an earlier answer or a refused prompt ended the call.
   So a worker that is killed has counted the run, and one that only waited has not. Repeats change nothing.
3. The outcome of the step is said by the run's fold, which alone knows that no other attempt follows. Of a shadow both
   outcomes are said here: the two calls are compared as they were made, each once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cachetools import LRUCache
from msgspec import structs

from connectors.ports.engine import Clock
from schemas.records.base import Record
from schemas.records.rollouts.deployments import RunAssigned, RunOutcome
from schemas.records.steps import AgentTurn, CallRollout, LlmCall, StepRequest
from schemas.rollouts.plan import CANARY, STABLE, Arm, rollout_key
from services.calls.ledger import Ledger
from services.calls.timeouts import within_patience
from streams.roles.worker.model_call import model_call_of

Say = Callable[[Sequence[Record]], Awaitable[None]]
"""Appends records and waits for their acknowledgement."""

#: Exposures that are not said again: the children of a map have one, and a run's attempts.
MAX_SAID = 10_000
#: Ends the idempotency key of a call that is made in place of a withdrawn one, which may have been made before.
REPLACED = "~stable"


class Decided(Protocol):
    """What is decided, see ``services.prompts.rollouts.withdrawals``."""

    def is_over(self, rollout: str, deployment_id: str) -> bool:
        """Return whether a deployment is over. Raises ``Unavailable``."""
        ...

    def is_withdrawn(self, rollout: str, deployment_id: str, version: int) -> bool:
        """Return whether a deployment's canary must not be called. Raises ``Unavailable``."""
        ...


@dataclass(slots=True)
class Part:
    """An attempt's part: the request that is worked on, and the arm. ``shadow`` is the request of the other version."""

    request: StepRequest
    call: LlmCall | None = None
    rollout: CallRollout | None = None
    key_suffix: str = ""
    shadow: StepRequest | None = None
    exposed: bool = False
    say: Callable[["Part"], Awaitable[None]] | None = field(default=None, repr=False)

    async def expose(self) -> None:
        """Count the run as exposed, once."""
        if self.say is not None and not self.exposed:
            self.exposed = True
            await self.say(self)

    def outcome(self, arm: Arm, *, ok: bool, ledger: Ledger, latency_ms: float) -> RunOutcome:
        """Return the outcome of an arm, which the attempt has."""
        return RunOutcome(**_common(self, arm), ok=ok, cost_nano=ledger.cost_nano, latency_ms=latency_ms)


class Rollouts:
    """Finds the parts of attempts."""

    def __init__(self, decided: Decided, say: Say, clock: Clock) -> None:
        self._decided = decided
        self.say = say
        self._clock = clock
        self._said: LRUCache[tuple[str, str], bool] = LRUCache(MAX_SAID)

    async def begin(self, request: StepRequest) -> Part:
        """Return an attempt's part. Raises ``Deferred`` while nobody knows what is decided."""
        call = model_call_of(request)
        if call is None or call.rollout is None:
            return Part(request)
        rollout = call.rollout
        key = rollout_key(request.org_id, call.prompt_name, rollout.environment)

        async def look() -> tuple[bool, bool]:
            over = self._decided.is_over(key, rollout.deployment_id)
            return over, self._decided.is_withdrawn(key, rollout.deployment_id, call.prompt_version)

        over, withdrawn = await within_patience(look, self._clock, str)
        if withdrawn and rollout.arm == CANARY and rollout.other is not None:
            return Part(_with(request, rollout.other, rollout.other_tools), key_suffix=REPLACED)
        if over:
            return Part(request)
        shadow = None
        if rollout.shadow and rollout.other is not None:
            shadow = _with(request, rollout.other, rollout.other_tools)
        return Part(request, call, rollout, shadow=shadow, say=self._assigned)

    async def _assigned(self, part: Part) -> None:
        assert part.rollout is not None
        key = (part.rollout.deployment_id, part.rollout.run_id or part.request.run_id)
        if key not in self._said:
            await self.say([RunAssigned(**_common(part, part.rollout.arm))])
            self._said[key] = True


def _common(part: Part, arm: Arm) -> dict[str, Any]:
    call, rollout, request = part.call, part.rollout, part.request
    assert call is not None
    assert rollout is not None
    return {
        "org_id": request.org_id,
        "prompt": call.prompt_name,
        "environment": rollout.environment,
        "deployment_id": rollout.deployment_id,
        "run_id": rollout.run_id or request.run_id,
        "arm": arm,
        "step": rollout.step,
        "entity": rollout.entity,
    }


def _with(request: StepRequest, call: LlmCall, tools: list[str]) -> StepRequest:
    """Return a request with another version's call in place of its own."""
    work = request.work
    other = structs.replace(work, call=call, tools=tools) if isinstance(work, AgentTurn) else call
    return structs.replace(request, work=other)


def outcomes_of(part: Part, ledger: Ledger, *, ok: bool, latency_ms: float) -> list[Record]:
    """Return what a worker itself says of the outcome of an attempt that is exposed: of a shadow's stable version."""
    if part.rollout is None or not part.rollout.shadow:
        return []
    return [part.outcome(STABLE, ok=ok, ledger=ledger, latency_ms=latency_ms)]
