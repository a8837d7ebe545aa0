"""Flow control of one run: the gates that it passes before it starts, with their keys, computed once."""

from typing import Literal

from schemas.records.base import Int64, Millis, Part

GateKind = Literal["debounce", "concurrency", "rate"]


class FlowGate(Part, frozen=True, kw_only=True):
    """One rule of the run's workflow, see ``schemas.spec.flow``, for the run's own ``key``.

    ``key`` is a hash: equal keys of one organisation are of one workflow, rule and value. ``rule`` is the expression as
    it is written, empty for a rule of all runs. ``per_ms`` is a rate's, ``period_ms`` and ``max_wait_ms`` a debounce's.
    """

    kind: GateKind
    key: str
    rule: str = ""
    limit: Int64 = 0
    on_excess: Literal["queue", "cancel_oldest", "reject"] = "queue"
    per_ms: Int64 = 0
    period_ms: Int64 = 0
    max_wait_ms: Int64 | None = None


class RunFlow(Part, frozen=True, kw_only=True):
    """The gates of a run in the order in which it passes them, and the version of the workflow that states them.

    The limit of a key is that of the newest version that any of its runs was submitted with. ``submitted_at_ms`` says
    which of two runs came last.
    """

    version: Int64
    submitted_at_ms: Millis
    gates: list[FlowGate]
