"""Datasets: cases by which prompts are evaluated."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack

from agentflow.bodies import CasesFromRuns
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.client.request import encode
from agentflow.models import CasePage, DatasetAnswer, DatasetFromRuns, DatasetPage

_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv"}


class AsyncDatasets(AsyncResource):
    """Versions of lists of cases."""

    async def add(
        self, name: str, cases: Iterable[Mapping[str, Any]], *, message: str = "", source: str = ""
    ) -> DatasetAnswer:
        """Store cases as the next version. Each has ``inputs``, and may have ``id``, ``expected`` and ``tags``.

        ``source`` is the label of all of them, such as ``web``; a case may have ``labels`` of its own, by path.
        """
        params = given(name=name, message=message or None, source=source or None)
        content, headers = encode({"cases": list(cases)}), {"Content-Type": "application/json"}
        return await self._ask(DatasetAnswer, "datasets.add", params=params, content=content, headers=headers)

    async def upload(
        self,
        name: str,
        content: str | bytes,
        *,
        form: Literal["jsonl", "csv"] = "jsonl",
        message: str = "",
        source: str = "",
    ) -> DatasetAnswer:
        """Store the cases of a text, JSON lines or CSV, as the next version; ``source`` is the label of all of them."""
        body = content.encode() if isinstance(content, str) else content
        params = given(name=name, message=message or None, source=source or None)
        headers = {"Content-Type": _TYPES[form]}
        return await self._ask(DatasetAnswer, "datasets.add", params=params, content=body, headers=headers)

    async def from_runs(self, **body: Unpack[CasesFromRuns]) -> DatasetFromRuns:
        """Store what models were asked in runs as the next version."""
        return await self._ask(DatasetFromRuns, "datasets.from_runs", json=body)

    async def list(self) -> DatasetPage:
        """Return the newest version of each dataset."""
        return await self._ask(DatasetPage, "datasets.list")

    async def get(self, name: str, version: int | None = None) -> DatasetAnswer:
        """Return one version of a dataset, by default the newest."""
        return await self._ask(DatasetAnswer, "datasets.get", name, params=given(version=version))

    async def versions(self, name: str, *, limit: int | None = None) -> DatasetPage:
        """Return the versions of a dataset, the newest first."""
        return await self._ask(DatasetPage, "datasets.versions", name, params=given(limit=limit))

    async def rows(
        self, name: str, version: int | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> CasePage:
        """Return a page of a version's cases."""
        params = given(version=version, limit=limit, cursor=cursor)
        return await self._ask(CasePage, "datasets.rows", name, params=params)
