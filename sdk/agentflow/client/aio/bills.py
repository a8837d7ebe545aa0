"""Bills, comparisons with providers' accounts, and price lists of the organisation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Unpack

from agentflow.bodies import CreatePriceList
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.client.request import encode
from agentflow.models import BillAnswer, PriceListAnswer, PriceListDryRun, PriceListPage, Reconciled


class AsyncBills(AsyncResource):
    """What calls cost, from the ledger."""

    async def get(
        self, start: str | datetime, end: str | datetime | None = None, *, group_by: Sequence[str] = ()
    ) -> BillAnswer:
        """Return what calls cost. A time is RFC 3339, a day such as ``2026-11-01``, or a span back such as ``30d``."""
        return await self._ask(BillAnswer, "bills.get", params=_range(start, end, group_by))

    async def export(
        self,
        start: str | datetime,
        end: str | datetime | None = None,
        *,
        group_by: Sequence[str] = (),
        form: Literal["csv", "focus"] = "csv",
    ) -> str:
        """Return the same as CSV, or as FOCUS 1.2."""
        return (await self._raw("bills.get", params=_range(start, end, group_by) | {"format": form})).text

    async def reconcile(
        self,
        provider: str,
        export: str | bytes | Mapping[str, Any],
        *,
        form: Literal["openai", "anthropic", "csv"] | None = None,
    ) -> Reconciled:
        """Compare a provider's export, CSV text or JSON, with what was booked; nothing is stored."""
        params = {"provider": provider} | given(format=form)
        headers = {"Content-Type": "application/json" if isinstance(export, Mapping) else "text/csv"}
        content = encode(export) if isinstance(export, Mapping) else export
        content = content.encode() if isinstance(content, str) else content
        return await self._ask(Reconciled, "bills.reconcile", params=params, content=content, headers=headers)


class AsyncPriceLists(AsyncResource):
    """Prices that the organisation agreed on with a provider."""

    async def create(self, **body: Unpack[CreatePriceList]) -> PriceListAnswer:
        """Store the next version of the organisation's price list."""
        return await self._ask(PriceListAnswer, "price_lists.create", json=body)

    async def preview(self, *, days: int | None = None, **body: Unpack[CreatePriceList]) -> PriceListDryRun:
        """Return what a list would have changed in the last ``days``; nothing is stored."""
        params = {"dry_run": True} | given(days=days)
        return await self._ask(PriceListDryRun, "price_lists.create", params=params, json=body)

    async def list(self) -> PriceListPage:
        """Return all versions, the newest first."""
        return await self._ask(PriceListPage, "price_lists.list")

    async def get(self, version: int) -> PriceListAnswer:
        """Return one version."""
        return await self._ask(PriceListAnswer, "price_lists.get", str(version))


def _range(start: str | datetime, end: str | datetime | None, group_by: Sequence[str]) -> dict[str, Any]:
    return given(**{"from": start, "to": end, "group_by": ",".join(group_by) or None})
