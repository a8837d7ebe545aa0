"""Bills, and their comparison with what providers charge."""

from typing import Literal

from schemas.api_models.base import Answer


class BillSums(Answer):
    """The sums of a group of calls. ``presumed_usd`` is the part that is an estimate, since no actual cost came."""

    calls: int
    input_tokens: int
    output_tokens: int
    amount_usd: str
    presumed_usd: str


class BillGroup(BillSums):
    """A group: its value of each dimension; empty where a call has none."""

    values: dict[str, str]


class BillAnswer(Answer):
    """A bill. ``total`` is that of all calls of the time, which the groups add up to."""

    since: str | None
    until: str | None
    group_by: list[str]
    currency: str = "USD"
    total: BillSums
    groups: list[BillGroup]


class ReconciledLine(Answer):
    """One model on one day. ``difference_usd`` is what is charged above what was booked, ``share`` its part of that.

    ``reason`` is the likely one of a difference.
    """

    day: str
    model: str
    status: Literal["matched", "different", "ours_only", "theirs_only"]
    ours_usd: str
    theirs_usd: str
    difference_usd: str
    share: str
    presumed_usd: str
    reason: Literal["time_zone", "presumed", "price", "other_calls", "not_charged"] | None


class ReconciledSums(Answer):
    """The lines of a status, or of a reason."""

    lines: int
    ours_usd: str
    theirs_usd: str
    difference_usd: str


class Reconciled(Answer):
    """A provider's charges compared with what was booked, by day and model.

    ``offset_hours`` is the zone of the provider's days where that is likely another than UTC.
    """

    provider: str
    charges: int
    offset_hours: int
    total: ReconciledSums
    by_status: dict[str, ReconciledSums]
    by_reason: dict[str, ReconciledSums]
    lines: list[ReconciledLine]
