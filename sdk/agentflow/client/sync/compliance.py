# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""What the organisation states of providers, and reports of evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.client.sync.resource import Resource, given
from agentflow.models import FactsVersionPage, ProviderFactsAnswer


class Compliance(Resource):
    """Facts of providers by which demands of the policy decide, and evidence of what was decided."""

    def report(self, start: str, end: str | None = None) -> dict[str, Any]:
        """Return the report of a period, the end not included. A time is RFC 3339, or a span back such as ``30d``."""
        params = {"from": start, "format": "json"} | given(to=end)
        report: dict[str, Any] = (self._raw("compliance.report", params=params)).json()
        return report

    def report_page(self, start: str, end: str | None = None) -> str:
        """Return the same as one page of HTML, which carries the report."""
        params = {"from": start, "format": "html"} | given(to=end)
        return (self._raw("compliance.report", params=params)).text

    def facts(self, *, route: str | None = None) -> ProviderFactsAnswer:
        """Return the facts of providers that count now; of one route with ``route``, ``provider/model``."""
        return self._ask(ProviderFactsAnswer, "compliance.facts", params=given(route=route))

    def state(self, providers: Sequence[Mapping[str, Any]]) -> ProviderFactsAnswer:
        """State all facts of providers, in place of those before."""
        body = {"providers": [dict(one) for one in providers]}
        return self._ask(ProviderFactsAnswer, "compliance.state", json=body)

    def versions(self) -> FactsVersionPage:
        """Return the versions of the facts, the newest first."""
        return self._ask(FactsVersionPage, "compliance.versions")

    def version(self, version: int) -> ProviderFactsAnswer:
        """Return one version of the facts."""
        return self._ask(ProviderFactsAnswer, "compliance.version", str(version))
