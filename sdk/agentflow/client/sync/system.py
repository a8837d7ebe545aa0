# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Tools, prices, stored objects, and the state of the system."""

from datetime import datetime
from typing import Unpack

from agentflow.bodies import RetryLetters
from agentflow.client.operations import OPERATIONS
from agentflow.client.reading import parse
from agentflow.client.sync.resource import Resource, given
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


class Tools(Resource):
    """Tools and functions that workflows may call."""

    def list(self) -> ToolPage:
        """Return the tools with their JSON schemas."""
        return self._ask(ToolPage, "tools.list")

    def functions(self) -> FunctionPage:
        """Return the functions with their JSON schemas."""
        return self._ask(FunctionPage, "tools.functions")


class Prices(Resource):
    """Prices of models."""

    def list(
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
        return self._ask(PricePage, "prices.list", params=params)


class Objects(Resource):
    """Values that are too large for records."""

    def get(self, sha256: str, *, run_id: str | None = None) -> bytes:
        """Return the bytes of a reference. ``run_id`` is of a run that has it, where a policy limits readers."""
        return (self._raw("objects.get", sha256, params=given(run_id=run_id))).content


class System(Resource):
    """Workers, health and metrics."""

    def workers(self) -> WorkersAnswer:
        """Return every worker: live, lost or stopped."""
        return self._ask(WorkersAnswer, "system.workers")

    def topics(self) -> TopicPage:
        """Return the topics with what differs from the catalogue. It takes the platform's bootstrap key."""
        return self._ask(TopicPage, "system.topics")

    def dead_letters(
        self, *, topic: str | None = None, reason: str | None = None, since: str | None = None, limit: int | None = None
    ) -> LetterPage:
        """Return the newest records that could not be used. ``since`` is an age such as ``90m``."""
        params = given(topic=topic, reason=reason, since=since, limit=limit)
        return self._ask(LetterPage, "system.dead_letters", params=params)

    def dead_letter(self, topic: str, partition: int, offset: int, /) -> WholeLetter:
        """Return one dead letter with its headers and value."""
        return self._ask(WholeLetter, "system.dead_letter", topic, str(partition), str(offset))

    def retry_dead_letters(self, **body: Unpack[RetryLetters]) -> RetriedLetters:
        """Append dead letters to the topics where they were: by ``positions``, or by ``topic`` and ``reason``."""
        return self._ask(RetriedLetters, "system.retry_dead_letters", json=body)

    def health(self) -> Health:
        """Return that the API is alive."""
        return self._ask(Health, "system.health")

    def ready(self) -> Readiness:
        """Return the state of each dependency, also when the API is not ready. It is asked once."""
        operation = OPERATIONS["system.ready"]
        response = self._client.request(operation.method, operation.path, repeat=False)
        return parse(Readiness, response, also=_NOT_READY)

    def metrics(self) -> str:
        """Return the metrics of the API in the text format of Prometheus."""
        return (self._raw("system.metrics")).text
