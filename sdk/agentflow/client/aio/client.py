"""The client: one connection to the API, and its operations by group."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from agentflow.client.aio.access import (
    AsyncCredentials,
    AsyncKeys,
    AsyncOrganisations,
    AsyncProjects,
    AsyncSubjects,
)
from agentflow.client.aio.audit import AsyncAudit
from agentflow.client.aio.batches import AsyncBatches
from agentflow.client.aio.bills import AsyncBills, AsyncPriceLists
from agentflow.client.aio.budgets import AsyncBudgets, AsyncStops
from agentflow.client.aio.compliance import AsyncCompliance
from agentflow.client.aio.datasets import AsyncDatasets
from agentflow.client.aio.evaluations import AsyncEvaluations
from agentflow.client.aio.mcp import AsyncMcp
from agentflow.client.aio.otlp import AsyncOtlp
from agentflow.client.aio.policies import AsyncCache, AsyncLimits, AsyncPolicies, AsyncQuotas, AsyncVault
from agentflow.client.aio.prompts import AsyncPrompts
from agentflow.client.aio.queues import AsyncQueues
from agentflow.client.aio.retention import AsyncRetention
from agentflow.client.aio.rollouts import AsyncRollouts
from agentflow.client.aio.routing import AsyncOptimizer, AsyncRoutes
from agentflow.client.aio.schedules import AsyncSchedules
from agentflow.client.aio.secrets import AsyncSecrets
from agentflow.client.aio.system import AsyncObjects, AsyncPrices, AsyncSystem, AsyncTools
from agentflow.client.aio.traces import AsyncTraces
from agentflow.client.aio.transport import AsyncTransport
from agentflow.client.aio.triggers import AsyncTriggers
from agentflow.client.aio.webhooks import AsyncWebhooks
from agentflow.client.aio.workflows import AsyncWorkflows
from agentflow.client.configuration import configuration
from agentflow.client.request import Param, Request, prepare
from agentflow.client.response import Response
from agentflow.client.retries import Retries

DEFAULT_TIMEOUT_S = 60.0


class AsyncClient:
    """A client of the API, for ``async with``, or until ``close``.

    What is not given comes from ``AGENTFLOW_ENDPOINT``, ``AGENTFLOW_TOKEN``, ``AGENTFLOW_ORG_ID`` and
    ``AGENTFLOW_PROJECT``, and then from the nearest system of ``make run``. ``timeout`` is in seconds, of a request
    with all its attempts; ``retries`` is how often it is sent again at most. ``http`` are further arguments of httpx's
    client, such as ``transport``, ``verify`` or ``proxy``. Raises ``NotConfigured`` without an address or a key.
    """

    def __init__(  # noqa: PLR0915 - a line for each resource
        self,
        base_url: str | None = None,
        token: str | None = None,
        org_id: str | None = None,
        *,
        project: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        retries: int | Retries = 5,
        **http: Any,
    ) -> None:
        self.configuration = configuration(base_url, token, org_id, project)
        chosen = retries if isinstance(retries, Retries) else Retries(most=retries)
        self.transport = AsyncTransport(self.configuration.base_url, timeout, chosen, **http)
        self.workflows = AsyncWorkflows(self)
        self.prompts = AsyncPrompts(self)
        self.datasets = AsyncDatasets(self)
        self.evaluations = AsyncEvaluations(self)
        self.rollouts = AsyncRollouts(self)
        self.traces = AsyncTraces(self)
        self.otlp = AsyncOtlp(self)
        self.schedules = AsyncSchedules(self)
        self.budgets = AsyncBudgets(self)
        self.stops = AsyncStops(self)
        self.routes = AsyncRoutes(self)
        self.optimizer = AsyncOptimizer(self)
        self.limits = AsyncLimits(self)
        self.queues = AsyncQueues(self)
        self.quotas = AsyncQuotas(self)
        self.batches = AsyncBatches(self)
        self.cache = AsyncCache(self)
        self.bills = AsyncBills(self)
        self.price_lists = AsyncPriceLists(self)
        self.keys = AsyncKeys(self)
        self.projects = AsyncProjects(self)
        self.subjects = AsyncSubjects(self)
        self.organisations = AsyncOrganisations(self)
        self.policies = AsyncPolicies(self)
        self.vault = AsyncVault(self)
        self.credentials = AsyncCredentials(self)
        self.prices = AsyncPrices(self)
        self.tools = AsyncTools(self)
        self.objects = AsyncObjects(self)
        self.audit = AsyncAudit(self)
        self.retention = AsyncRetention(self)
        self.webhooks = AsyncWebhooks(self)
        self.secrets = AsyncSecrets(self)
        self.mcp = AsyncMcp(self)
        self.triggers = AsyncTriggers(self)
        self.compliance = AsyncCompliance(self)
        self.system = AsyncSystem(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Param] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        repeat: bool | None = None,
        time_limit: float | None = None,
    ) -> Response:
        """Send any request and return its raw answer, also an error answer (``agentflow.errors.error_of`` reads one).

        ``json`` or ``content`` is the body. A POST has an ``Idempotency-Key``; it is repeated after a fault only where
        the API honours the key, or if the caller gave it, or as ``repeat`` says. ``time_limit`` is in seconds, and
        replaces the client's.
        """
        request = prepare(
            self.configuration,
            method,
            path,
            params=params,
            body=json,
            content=content,
            headers=headers,
            idempotency_key=idempotency_key,
            repeat=repeat,
        )
        return await self.transport.send(request, time_limit)

    def prepared(self, method: str, path: str, headers: dict[str, str]) -> Request:
        """Return a request to stream."""
        return prepare(self.configuration, method, path, headers=headers)
