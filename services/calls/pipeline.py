"""The order of a model call: ``llm`` steps, agents' turns and every other caller go through these stages.

Each number is a file in ``services/calls/stages``, and a place where a crash is tested:

==  ============  ============================================  =====================================================
 n  stage         what is done                                  killed right after it
==  ============  ============================================  =====================================================
 1  render        the template becomes the prompt               nothing was done: a repeat makes a new call
 2  guard_input   guards change the question, or stop it        the same
 3  cache         an earlier answer ends it here                the same
 4  route         provider and model, a bound of the tokens     the same
 5  quota         room with the provider is taken               the same; the room fills again with time
 6  hold          the estimate is reserved                      the hold ends; the log knows no call: it is released
 7  announce      ``CallStarted`` is in the log                 the hold ends and becomes a presumed settlement
 8  invoke        the provider is asked                         the same: it may have worked, and may bill it
 9  guard_output  guards change the answer, or block it         the same
10  check_output  an answer that breaks its schema is blocked   the same
11  settle        the ledger has the settlement                 the same, until the caller has stored the ledger
==  ============  ============================================  =====================================================

A call whose estimate is 0 skips 6 and 7 and needs no settlement. A failure from 7 on is settled by 11: at 0 when the
call surely was not made, presumed at the estimate when its outcome is unknown. To store the ledger is the caller's own
commit: a worker does so in its claim, with the outcome (``streams.roles.worker.attempt``).

A call whose route was chosen may take 5 to 11 more than once: at another route after a failure, or beside a slow try
(``services.calls.trying.tries``). So does a try whose answer breaks its schema: the stage ``repair`` before 5 asks once
more, where the call wants that. Each try has ids, a hold and a settlement of its own, so the table holds for each; a
process that dies between two leaves the first as after 8, and nothing of the second.

Some stages do nothing that a crash could lose, and have no number: ``step_down`` before 3 asks the rest again for a
tier below when a budget wants that, ``know_prices`` after it waits until the organisation's prices are known,
``policy`` after that, and again after 4, asks what the run's policy says of a route and of the answer, ``redact``
takes out what that policy does not let a provider read, and ``stop`` before 5 lets nothing pass that was stopped.
``batch`` before 5 defers a call that goes by batch, and has crash points of its own (``services.batches.points``).
``repair`` has none: it makes a call, with the points above. So does a judge, which ``guard_output`` asks about an
answer (``services.calls.security.judging``).

Stages nest: each awaits the next, and has its answer or its failure on the way back. 9 to 11 act on the way back, so
they stand before 7 in the list; the hold of 6 is asserted until all of them are done.
"""

from collections.abc import Sequence
from functools import partial

from schemas.batches import BATCH_HOLD_MS
from services.calls.call import Answer, Call, Proceed, Stage
from services.calls.ports import CallPorts
from services.calls.security.judging import Judging
from services.calls.stages.announce import AnnounceCall
from services.calls.stages.batch import Batch
from services.calls.stages.cache import Cache
from services.calls.stages.check_output import CheckOutput
from services.calls.stages.guard_input import GuardInput
from services.calls.stages.guard_output import GuardOutput
from services.calls.stages.hold import Hold
from services.calls.stages.invoke import Invoke
from services.calls.stages.know_prices import KnowPrices
from services.calls.stages.policy import CheckRoute, GuardModel
from services.calls.stages.quota import Quota
from services.calls.stages.redact import Redact
from services.calls.stages.render import Render
from services.calls.stages.repair import Repair
from services.calls.stages.route import RouteCall
from services.calls.stages.settle import Settle
from services.calls.stages.step_down import StepDown
from services.calls.stages.stop import StopCalls


def call_stages(ports: CallPorts) -> tuple[Stage, ...]:
    """Return the stages, outermost first."""
    every_s = ports.lease_ms / 3000
    judging = Judging()
    guards = GuardOutput(ports.guards, ports.clock, judging)
    way_back = (Settle(ports.prices, ports.objects, ports.clock), CheckOutput(), guards)
    route = RouteCall(ports.router, ports.providers, ports.prices, ports.clock, ports.aborts, ports.keys)
    hold = Hold(ports.prices, ports.holds, ports.clock, ports.aborts, ttl_ms=ports.hold_ttl_ms, assert_every_s=every_s)
    stages: tuple[Stage, ...] = (
        Render(),
        GuardInput(ports.guards, ports.clock),
        StepDown(),
        KnowPrices(ports.prices, ports.clock),
        GuardModel(ports.policies, ports.router, ports.clock, ports.facts),
        Redact(),
        Cache(ports.cache, ports.router, ports.clock, ports.aborts),
        route,
        CheckRoute(ports.policies, ports.clock, ports.facts),
        Repair(ports.clock, route.tokens),
        StopCalls(ports.stops, ports.clock),
        _batch(ports, way_back),
        Quota(ports.quotas, ports.clock),
        hold,
        *way_back,
        AnnounceCall(ports.announce, ports.clock, ports.hold_ttl_ms),
        Invoke(ports.providers, ports.aborts, withheld=bool(ports.guards), keys=ports.keys),
    )
    judging.proceed = compose(stages)
    return stages


def _batch(ports: CallPorts, way_back: Sequence[Stage]) -> Batch:
    batching = ports.batching
    holds = ports.holds if batching is None else batching.holds
    # Its holds are asserted by nobody: they last as long as a batch.
    hold = Hold(ports.prices, holds, ports.clock, ports.aborts, ttl_ms=BATCH_HOLD_MS, assert_every_s=BATCH_HOLD_MS)
    return Batch(batching, hold, way_back, ports.announce, ports.objects, ports.clock)


def compose(stages: Sequence[Stage]) -> Proceed:
    """Return what makes a call through these stages. It raises what they raise."""
    proceed: Proceed = _unanswered
    for stage in reversed(stages):
        proceed = partial(stage, proceed=proceed)
    return proceed


async def _unanswered(call: Call) -> Answer:
    raise LookupError(f"no stage has an answer to call {call.call_id}")
