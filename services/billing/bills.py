"""Bills of an organisation, from the settlements that analytics has written."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from connectors.clickhouse.bill_rows import DIMENSIONS, BillRow, BillRows, Period
from connectors.prices.book import PriceBook, PricesOf
from connectors.prices.listed import canonical_model
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem, StepError, TooLarge
from services.billing import csv_lines
from services.billing.exports import Charge, Used
from services.billing.focus import HEADER, FocusRows, focus_dimensions
from services.billing.grouping import dimensions
from services.billing.reconcile import Reconciliation, Spent, reconcile

_NOON = 12

#: Groups of an answer in JSON; CSV has no limit.
MOST_GROUPS = 10_000
#: The longest time of one bill, and between the first and the last charge of an export.
MOST_DAYS = 400
_DAY_MS = 86_400_000
_HOURLY = (DIMENSIONS["hour"], DIMENSIONS["model"])


def priced(charges: Iterable[Charge], prices: PriceBook, provider: str) -> list[Charge]:
    """Return charges whose usage has an amount. Raises ``InvalidInput`` for a model without a price.

    Counts are sums over many calls, so prices of long contexts, which go by the tokens of one, are left out.
    """
    return [
        one if one.used is None else one._replace(amount=_amount(one, one.used, prices, provider)) for one in charges
    ]


def _amount(charge: Charge, used: Used, prices: PriceBook, provider: str) -> Decimal:
    day = charge.day
    noon_ms = int(datetime(day.year, day.month, day.day, _NOON, tzinfo=UTC).timestamp() * 1000)
    try:
        price = prices.price(provider, charge.model, noon_ms, used.served)
    except StepError as exc:
        problem = Problem(
            "model", f"there is no price for {charge.model!r}", "send an export of costs, or add its price"
        )
        raise InvalidInput.of(problem) from exc
    rates = price.bands[0].rates
    units = used.requests * rates.request
    units += sum(getattr(used.usage, kind) * weight for kind, weight in rates.weights)
    return Decimal(units) / rates.scale


@dataclass(frozen=True, slots=True)
class Bill:
    """The groups of a bill, and the sums over all of them."""

    by: tuple[str, ...]
    rows: list[BillRow]
    total: BillRow


class Bills:
    """Makes bills. Methods raise ``Unavailable``, and ``InvalidInput`` for what nothing can be grouped by."""

    def __init__(self, rows: BillRows, prices: PricesOf) -> None:
        self._rows = rows
        self._prices = prices

    async def bill(self, org_id: str, period: Period, group_by: Sequence[str]) -> Bill:
        """Return a bill. Raises ``TooLarge`` for more groups than an answer holds."""
        by = dimensions(group_by)
        check(period)
        total = await self._rows.total(org_id, period)
        rows = await self._rows.rows(org_id, period, by, MOST_GROUPS + 1) if by else []
        if len(rows) > MOST_GROUPS:
            raise TooLarge(f"the bill has over {MOST_GROUPS} groups; ask for format=csv, or group by less")
        return Bill(tuple(one.name for one in by), rows, total)

    def csv(self, org_id: str, period: Period, group_by: Sequence[str]) -> AsyncGenerator[bytes]:
        """Return a bill as CSV, in pieces."""
        by = dimensions(group_by)
        check(period)
        header = [*(one.name for one in by), *csv_lines.SUMS]
        return csv_lines.lines(header, self._rows.stream(org_id, period, by), csv_lines.plain_cells)

    def focus(self, org_id: str, period: Period, group_by: Sequence[str]) -> AsyncGenerator[bytes]:
        """Return a bill as a FOCUS table, in pieces."""
        by = focus_dimensions(group_by)
        check(period)
        return csv_lines.lines(HEADER, self._rows.stream(org_id, period, by), FocusRows(org_id, by).cells)

    async def reconciled(self, org_id: str, provider: str, charges: Sequence[Charge]) -> Reconciliation:
        """Compare a provider's charges with what was booked of it, on the days of these charges."""
        charges = priced(charges, await self._prices.of(org_id, now_ms()), provider)
        days = [charge.day for charge in charges]
        first, last = min(days), max(days)
        start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
        period = Period(int(start.timestamp() * 1000), int(end.timestamp() * 1000))
        check(period)
        by = (*_HOURLY, DIMENSIONS["provider"])
        spent = [
            _spent(row)
            async for block in self._rows.stream(org_id, period, by)
            for row in block
            if row.values[2].lower() == provider.lower()
        ]
        if not any(charge.model for charge in charges):
            # An export without models is compared by day.
            return await asyncio.to_thread(reconcile, charges, spent, lambda _: "")
        return await asyncio.to_thread(
            reconcile, charges, spent, lambda model: canonical_model(provider.lower(), model.lower())
        )


def check(period: Period) -> None:
    """Raise ``InvalidInput`` for a time that is empty or too long."""
    if period.from_ms >= period.to_ms:
        problem = Problem("to", "is not after from", "give a later time")
    elif period.to_ms - period.from_ms > MOST_DAYS * _DAY_MS:
        problem = Problem("to", f"is over {MOST_DAYS} days after from", "ask for a shorter time")
    else:
        return
    raise InvalidInput.of(problem)


def _spent(row: BillRow) -> Spent:
    at = datetime.fromisoformat(row.values[0])
    return Spent(int(at.timestamp() * 1000), row.values[1], row.amount_nano, row.presumed_nano)
