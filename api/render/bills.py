"""Bills and reconciliations as answers: decimal strings."""

from collections import defaultdict
from collections.abc import Iterable

from connectors.clickhouse.bill_rows import BillRow, Period
from schemas.api_models.base import timestamp
from schemas.api_models.money.bills import BillAnswer, BillGroup, BillSums, Reconciled, ReconciledLine, ReconciledSums
from schemas.money import usd
from services.billing.bills import Bill
from services.billing.reconcile import Line, Reconciliation


def bill(period: Period, found: Bill) -> BillAnswer:
    """Return a bill."""
    return BillAnswer(
        since=timestamp(period.from_ms),
        until=timestamp(period.to_ms),
        group_by=list(found.by),
        total=BillSums(**_sums(found.total)),
        groups=[BillGroup(values=dict(zip(found.by, row.values, strict=True)), **_sums(row)) for row in found.rows],
    )


def reconciled(provider: str, charges: int, found: Reconciliation) -> Reconciled:
    """Return a comparison."""
    by_status: dict[str, list[Line]] = defaultdict(list)
    by_reason: dict[str, list[Line]] = defaultdict(list)
    for line in found.lines:
        by_status[line.status].append(line)
        if line.reason:
            by_reason[line.reason].append(line)
    return Reconciled(
        provider=provider,
        charges=charges,
        offset_hours=found.offset_hours,
        total=_line_sums(found.lines),
        by_status={status: _line_sums(lines) for status, lines in sorted(by_status.items())},
        by_reason={reason: _line_sums(lines) for reason, lines in sorted(by_reason.items())},
        lines=[_line(one) for one in found.lines],
    )


def _sums(row: BillRow) -> dict[str, int | str]:
    return {
        "calls": row.calls,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "amount_usd": usd(row.amount_nano),
        "presumed_usd": usd(row.presumed_nano),
    }


def _line(one: Line) -> ReconciledLine:
    return ReconciledLine(
        day=one.day.isoformat(),
        model=one.model,
        status=one.status,
        ours_usd=usd(one.ours_nano),
        theirs_usd=usd(one.theirs_nano),
        difference_usd=usd(one.difference_nano),
        share=format(one.share, "f"),
        presumed_usd=usd(one.presumed_nano),
        reason=one.reason or None,
    )


def _line_sums(lines: Iterable[Line]) -> ReconciledSums:
    found = list(lines)
    ours, theirs = sum(one.ours_nano for one in found), sum(one.theirs_nano for one in found)
    return ReconciledSums(
        lines=len(found), ours_usd=usd(ours), theirs_usd=usd(theirs), difference_usd=usd(theirs - ours)
    )
