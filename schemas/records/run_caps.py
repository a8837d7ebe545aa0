"""The caps of runs in the log of costs (``cost-events``, key: organisation): opened, what of them is reserved, closed.

The orchestrator says them of runs with a budget of their own, and of no others. Each may come again.
"""

from typing import ClassVar

from schemas.records.base import Int64, NanoDollars, Record


class _OfRun(Record, frozen=True, kw_only=True):
    org_id: str
    run_id: str


class RunReserved(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="run.reserved"):
    """A run with a cap has begun. ``reserved_nano`` is the most that its cheapest path costs; 0 if nobody can tell."""

    type: ClassVar[str] = "run.reserved"
    cap_nano: NanoDollars
    reserved_nano: NanoDollars = 0


class RunReleased(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="run.released"):
    """So much of a run's cap is still reserved for what is ahead of it; the newest ``version`` counts."""

    type: ClassVar[str] = "run.released"
    reserved_nano: NanoDollars = 0
    version: Int64


class RunEnded(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="run.ended"):
    """A run with a cap has ended. What of its cost comes late still counts for a day."""

    type: ClassVar[str] = "run.ended"


RunCapEvent = RunReserved | RunReleased | RunEnded
