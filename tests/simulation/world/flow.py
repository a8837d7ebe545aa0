"""Gates of runs in worlds with flow control: what they are is the seed's, and no draw decides it."""

from msgspec.structs import replace

from schemas.records.flow import FlowGate, RunFlow
from schemas.records.run_events import RunSubmitted
from schemas.spec.rules_version import FLOW

#: How long a debounce waits, and how long a start counts: a part of what a run takes.
DELAY_MS, PERIOD_MS = 400, 2_000


def gates_of(seed: int) -> tuple[FlowGate, ...]:
    """Return the gates of all runs of a world."""
    one = FlowGate(kind="concurrency", key="one", rule="inputs.one", limit=1)
    two = FlowGate(kind="concurrency", key="two", limit=2)
    pace = FlowGate(kind="rate", key="pace", limit=1, per_ms=PERIOD_MS)
    last = FlowGate(kind="debounce", key="last", period_ms=DELAY_MS, max_wait_ms=2 * DELAY_MS)
    newest = replace(one, key="newest", on_excess="cancel_oldest")
    refuses = replace(one, key="first", on_excess="reject")
    choices = ((one,), (newest,), (two, pace), (last, one), (one, two), (refuses,))
    return choices[seed // 20 % len(choices)]


def gated(run: RunSubmitted, gates: tuple[FlowGate, ...], number: int) -> RunSubmitted:
    """Return a run that passes these gates; every second one is limited by its organisation, too."""
    flow = RunFlow(version=1, submitted_at_ms=run.submitted_at_ms, gates=list(gates))
    rules = max(run.rules_version, FLOW)
    return replace(run, flow=flow, turns=number % 2 == 1, rules_version=rules)
