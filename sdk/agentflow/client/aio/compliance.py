"""What the organisation states of providers, and reports of evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import FactsVersionPage, ProviderFactsAnswer


class AsyncCompliance(AsyncResource):
    """Facts of providers by which demands of the policy decide, and evidence of what was decided."""

    async def report(self, start: str, end: str | None = None) -> dict[str, Any]:
        """Return the report of a period, the end not included. A time is RFC 3339, or a span back such as ``30d``."""
        params = {"from": start, "format": "json"} | given(to=end)
        report: dict[str, Any] = (await self._raw("compliance.report", params=params)).json()
        return report

    async def report_page(self, start: str, end: str | None = None) -> str:
        """Return the same as one page of HTML, which carries the report."""
        params = {"from": start, "format": "html"} | given(to=end)
        return (await self._raw("compliance.report", params=params)).text

    async def facts(self, *, route: str | None = None) -> ProviderFactsAnswer:
        """Return the facts of providers that count now; of one route with ``route``, ``provider/model``."""
        return await self._ask(ProviderFactsAnswer, "compliance.facts", params=given(route=route))

    async def state(self, providers: Sequence[Mapping[str, Any]]) -> ProviderFactsAnswer:
        """State all facts of providers, in place of those before."""
        body = {"providers": [dict(one) for one in providers]}
        return await self._ask(ProviderFactsAnswer, "compliance.state", json=body)

    async def versions(self) -> FactsVersionPage:
        """Return the versions of the facts, the newest first."""
        return await self._ask(FactsVersionPage, "compliance.versions")

    async def version(self, version: int) -> ProviderFactsAnswer:
        """Return one version of the facts."""
        return await self._ask(ProviderFactsAnswer, "compliance.version", str(version))
