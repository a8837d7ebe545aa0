"""Datasets: cases by which prompts are evaluated."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack

from agentflow.bodies import CasesFromRuns
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.client.request import encode
from agentflow.models import CasePage, DatasetAnswer, DatasetFromRuns, DatasetPage

_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv"}


def _json(columns: Mapping[str, str] | None) -> str | None:
    return json.dumps(dict(columns)) if columns else None


class AsyncDatasets(AsyncResource):
    """Versions of lists of cases."""

    async def add(
        self,
        name: str,
        cases: Iterable[Mapping[str, Any]],
        *,
        message: str = "",
        source: str = "",
        columns: Mapping[str, str] | None = None,
    ) -> DatasetAnswer:
        """Store cases as the next version. Each has ``inputs``, and may have ``id``, ``expected`` and ``tags``.

        ``source`` is the label of all of them, such as ``web``; a case may have ``labels`` of its own, by path.
        ``columns`` are labels by name of an input; inputs that are not named have ``source``, and without it are
        trusted least.
        """
        params = given(name=name, message=message or None, source=source or None, columns=_json(columns))
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
        columns: Mapping[str, str] | None = None,
    ) -> DatasetAnswer:
        """Store the cases of a text, JSON lines or CSV, as the next version; ``source``, ``columns`` as for ``add``."""
        body = content.encode() if isinstance(content, str) else content
        params = given(name=name, message=message or None, source=source or None, columns=_json(columns))
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
