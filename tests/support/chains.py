"""Simulated workers that execute chains: claims, crashes, zombies, redelivery, and a fold that lags behind.

The workers' rules are those of ``streams.roles.worker``, without I/O, so that thousands of histories can be played.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from schemas.ids import request_id
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import CancelRequested, Chain, RunEvent, StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import FunctionCall, StepRequest
from schemas.run_states import TERMINAL_RUN
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.chained import next_request
from tests.support.runs import ORG, RUN, World

Pick = Callable[[list[Any]], Any]


@dataclass
class Claim:
    """One attempt's claim: whose it is, and the outcome once there is one."""

    owner: int | None
    result: StepSucceeded | StepFailed | None = None
    published: bool = False


@dataclass
class Holder:
    """A worker with one request in its hand. It ``holds`` it until somebody else gets it, which it need not know."""

    number: int
    carrier: StepRequest
    current: StepRequest
    holds: bool = True
    working: bool = False
    marks: list[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.marks = []


class ChainWorld(World):
    """``pick`` makes every choice. Events are appended to ``log``; ``fold_one`` lets the fold catch up by one."""

    def __init__(self, pick: Pick, *, chain_steps: bool = True) -> None:
        super().__init__()
        self.rules = RunFold(chain_steps=chain_steps)
        self.pick = pick
        self.lane: list[StepRequest] = []
        self.holders: list[Holder] = []
        self.claims: dict[str, Claim] = {}
        self.log: list[RunEvent] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.queued: set[str] = set()
        self.seen = 0
        self.born = 0

    def take_in(self, commands: Any) -> None:
        asked = len(self.requests)
        super().take_in(commands)
        self.lane += self.requests[asked:]

    # The fold

    def fold_one(self) -> None:
        """Fold the next event of the log."""
        if self.log:
            self.now_ms += 3
            self.feed(self.log.pop(0))

    def restore(self) -> None:
        """Ask again for what the state says is open, beside what is on its way."""
        self.take_in(self.rules.outstanding(self.state, RUN, self.now_ms))

    # The workers

    def deliver(self) -> None:
        """Give a request to a worker."""
        if self.lane:
            request = self.lane.pop(self.pick(list(range(len(self.lane)))))
            self.born += 1
            self.holders.append(Holder(self.born, request, request))

    def redeliver(self) -> None:
        """A partition moves: somebody else gets a request that a worker goes on working on."""
        if held := [h for h in self.holders if h.holds]:
            holder = self.pick(held)
            holder.holds = False
            self.lane.append(holder.carrier)

    def die(self) -> None:
        """Kill a worker. Its lease runs out, and what it held is read again."""
        if self.holders:
            holder = self.pick(self.holders)
            self.holders.remove(holder)
            if holder.holds:
                self.lane.append(holder.carrier)
            for claim in self.claims.values():
                if claim.owner == holder.number and claim.result is None:
                    claim.owner = None

    def forget(self) -> None:
        """Redis loses its claims; or a worker sleeps through its lease."""
        if self.claims:
            del self.claims[self.pick(sorted(self.claims))]

    def act(self) -> None:
        """Let a worker do its next thing."""
        if self.holders:
            holder = self.pick(self.holders)
            if holder.working:
                self.finish(holder, self.pick(["succeed"] * 9 + ["fail", "fail_for_good", "defer"]))
            else:
                self.begin(holder)

    def begin(self, holder: Holder) -> None:
        """Take the attempt, or find what became of it."""
        request = holder.current
        if isinstance(request.work, FunctionCall):
            if request.args_hash and self.is_over():
                self.leave(holder)
            holder.working = True
            return
        claim = self.claims.get(request.request_id)
        if claim is not None and claim.published:
            self.leave(holder)
        elif claim is not None and claim.result is not None:
            self.found(holder, claim.result)
        elif self.is_over():
            self.leave(holder)
        elif claim is not None and claim.owner is not None:
            self.give_back(holder)
        else:
            self.claims[request.request_id] = Claim(holder.number)
            holder.working = True

    def is_over(self) -> bool:
        """Whether a worker sees the run as over: perhaps not yet."""
        return self.status in TERMINAL_RUN and self.pick([True, False])

    def found(self, holder: Holder, result: StepSucceeded | StepFailed) -> None:
        """Append an outcome again and go on as it says."""
        self.log.append(result)
        request = holder.current
        if not isinstance(result, StepSucceeded) or result.chain != "continues":
            holder.marks.append(request.request_id)
            self.leave(holder)
            return
        after = next_request(request, result.output, result.cost_nano, self.now_ms)
        if after is None:
            self.leave(holder)
        else:
            holder.marks.append(request.request_id)
            holder.current = after

    def finish(self, holder: Holder, how: str) -> None:
        """End the attempt in hand."""
        holder.working = False
        request = holder.current
        claimed = not isinstance(request.work, FunctionCall)
        if how == "defer":
            if claimed and self.owns(holder):
                del self.claims[request.request_id]
            self.give_back(holder)
            return
        result, after = self.outcome_of(request, how, self.pick([True, True, True, False]))
        if claimed:
            claim = self.claims.setdefault(request.request_id, Claim(holder.number))
            if claim.published or claim.owner not in (None, holder.number):
                result, after = structs.replace(result, chain=given_back(request)), None
            else:
                claim.owner, claim.result = holder.number, result
                holder.marks.append(request.request_id)
        self.log.append(result)
        if after is None:
            self.leave(holder)
        else:
            holder.current = after

    def owns(self, holder: Holder) -> bool:
        """Whether a worker's claim is still its own."""
        claim = self.claims.get(holder.current.request_id)
        return claim is not None and claim.owner == holder.number and claim.result is None

    def outcome_of(
        self, request: StepRequest, how: str, may_go_on: bool
    ) -> tuple[StepSucceeded | StepFailed, StepRequest | None]:
        """Work on an attempt: what it says names its arguments and, if it is no function, is never the same twice."""
        self.calls.append((request.request_id, request.args))
        cost = 0 if isinstance(request.work, FunctionCall) else 5
        nonce = 0 if isinstance(request.work, FunctionCall) else len(self.calls)
        fields = self.outcome(request.step_id, request.attempt) | {
            "cost_nano": cost,
            "args_hash": request.args_hash,
            "chain": given_back(request),
        }
        if how != "succeed":
            error = ErrorInfo(code="boom", message="boom", retryable=how == "fail")
            return StepFailed(error=error, **fields), None
        output = inline({"step": request.step_id, "nonce": nonce, "args": request.args})
        after = next_request(request, output, cost, self.now_ms) if may_go_on else None
        if after is not None:
            fields["chain"] = "continues"
        return StepSucceeded(output=output, **fields), after

    def give_back(self, holder: Holder) -> None:
        """Say that the attempt must wait, and leave."""
        request = holder.current
        self.log.append(
            StepDeferred(
                run_id=RUN,
                org_id=ORG,
                step_id=request.step_id,
                attempt=request.attempt,
                until_ms=self.now_ms + 50,
                reason="busy",
                deferral=request.deferral + 1,
                chain=given_back(request),
            )
        )
        self.leave(holder)

    def leave(self, holder: Holder) -> None:
        """Mark the claims and ack the request."""
        for claimed in holder.marks:
            if claimed in self.claims:
                self.claims[claimed].published = True
        self.holders.remove(holder)

    # The rest

    def ask_to_cancel(self) -> None:
        """Append a cancel."""
        self.log.append(CancelRequested(run_id=RUN, org_id=ORG))

    def fire_one(self) -> None:
        """Let a timer fire, after all that is in the log."""
        while self.log:
            self.fold_one()
        if self.timers:
            self.fire(min(self.timers, key=lambda timer_id: (self.timers[timer_id], timer_id)))

    def heal(self, most: int = 3_000) -> None:
        """End all mischief and let everybody go on until nothing is left to do."""
        self.pick = lambda options: options[0]
        for _ in range(most):
            if self.log:
                self.fold_one()
            elif self.holders:
                self.act()
            elif self.lane:
                self.deliver()
            elif self.timers:
                self.fire_one()
            else:
                return
        raise AssertionError(f"the run does not end: {self.states()}")


def given_back(request: StepRequest) -> Chain | None:
    """What is said of chained steps that are left."""
    return "returned" if request.continuation else None


def attempt_id(step_id: str, attempt: int = 1) -> str:
    """The id of an attempt of the one run."""
    return request_id(RUN, step_id, attempt)
