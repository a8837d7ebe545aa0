"""Tools, prices, stored objects, and the state of the system."""

from datetime import datetime
from typing import Unpack

from agentflow.bodies import RetryLetters
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.client.operations import OPERATIONS
from agentflow.client.reading import parse
from agentflow.models import (
    FunctionPage,
    Health,
    LetterPage,
    PricePage,
    Readiness,
    RetriedLetters,
    ToolPage,
    TopicPage,
    WholeLetter,
    WorkersAnswer,
)

_NOT_READY = 503


class AsyncTools(AsyncResource):
    """Tools and functions that workflows may call."""

    async def list(self) -> ToolPage:
        """Return the tools with their JSON schemas."""
        return await self._ask(ToolPage, "tools.list")

    async def functions(self) -> FunctionPage:
        """Return the functions with their JSON schemas."""
        return await self._ask(FunctionPage, "tools.functions")


class AsyncPrices(AsyncResource):
    """Prices of models."""

    async def list(
        self,
        provider: str,
        *,
        model: str | None = None,
        at: datetime | str | None = None,
        service_tier: str | None = None,
        processing: str | None = None,
        inference_geo: str | None = None,
    ) -> PricePage:
        """Return what a provider's models cost, now or ``at`` a time."""
        params = given(provider=provider, model=model, at=at, service_tier=service_tier)
        params |= given(processing=processing, inference_geo=inference_geo)
        return await self._ask(PricePage, "prices.list", params=params)


class AsyncObjects(AsyncResource):
    """Values that are too large for records."""

    async def get(self, sha256: str, *, run_id: str | None = None) -> bytes:
        """Return the bytes of a reference. ``run_id`` is of a run that has it, where a policy limits readers."""
        return (await self._raw("objects.get", sha256, params=given(run_id=run_id))).content


class AsyncSystem(AsyncResource):
    """Workers, health and metrics."""

    async def workers(self) -> WorkersAnswer:
        """Return every worker: live, lost or stopped."""
        return await self._ask(WorkersAnswer, "system.workers")

    async def topics(self) -> TopicPage:
        """Return the topics with what differs from the catalogue. It takes the platform's bootstrap key."""
        return await self._ask(TopicPage, "system.topics")

    async def dead_letters(
        self, *, topic: str | None = None, reason: str | None = None, since: str | None = None, limit: int | None = None
    ) -> LetterPage:
        """Return the newest records that could not be used. ``since`` is an age such as ``90m``."""
        params = given(topic=topic, reason=reason, since=since, limit=limit)
        return await self._ask(LetterPage, "system.dead_letters", params=params)

    async def dead_letter(self, topic: str, partition: int, offset: int, /) -> WholeLetter:
        """Return one dead letter with its headers and value."""
        return await self._ask(WholeLetter, "system.dead_letter", topic, str(partition), str(offset))

    async def retry_dead_letters(self, **body: Unpack[RetryLetters]) -> RetriedLetters:
        """Append dead letters to the topics where they were: by ``positions``, or by ``topic`` and ``reason``."""
        return await self._ask(RetriedLetters, "system.retry_dead_letters", json=body)

    async def health(self) -> Health:
        """Return that the API is alive."""
        return await self._ask(Health, "system.health")

    async def ready(self) -> Readiness:
        """Return the state of each dependency, also when the API is not ready. It is asked once."""
        operation = OPERATIONS["system.ready"]
        response = await self._client.request(operation.method, operation.path, repeat=False)
        return parse(Readiness, response, also=_NOT_READY)

    async def metrics(self) -> str:
        """Return the metrics of the API in the text format of Prometheus."""
        return (await self._raw("system.metrics")).text
