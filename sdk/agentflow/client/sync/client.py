# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""The client: one connection to the API, and its operations by group."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from agentflow.client.configuration import configuration
from agentflow.client.request import Param, Request, prepare
from agentflow.client.response import Response
from agentflow.client.retries import Retries
from agentflow.client.sync.access import (
    Credentials,
    Keys,
    Organisations,
    Projects,
    Subjects,
)
from agentflow.client.sync.audit import Audit
from agentflow.client.sync.batches import Batches
from agentflow.client.sync.bills import Bills, PriceLists
from agentflow.client.sync.budgets import Budgets, Stops
from agentflow.client.sync.compliance import Compliance
from agentflow.client.sync.datasets import Datasets
from agentflow.client.sync.evaluations import Evaluations
from agentflow.client.sync.mcp import Mcp
from agentflow.client.sync.otlp import Otlp
from agentflow.client.sync.policies import Cache, Limits, Policies, Quotas, Vault
from agentflow.client.sync.prompts import Prompts
from agentflow.client.sync.queues import Queues
from agentflow.client.sync.retention import Retention
from agentflow.client.sync.rollouts import Rollouts
from agentflow.client.sync.routing import Optimizer, Routes
from agentflow.client.sync.schedules import Schedules
from agentflow.client.sync.secrets import Secrets
from agentflow.client.sync.system import Objects, Prices, System, Tools
from agentflow.client.sync.traces import Traces
from agentflow.client.sync.transport import Transport
from agentflow.client.sync.triggers import Triggers
from agentflow.client.sync.webhooks import Webhooks
from agentflow.client.sync.workflows import Workflows

DEFAULT_TIMEOUT_S = 60.0


class Client:
    """A client of the API, for ``with``, or until ``close``.

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
        self.transport = Transport(self.configuration.base_url, timeout, chosen, **http)
        self.workflows = Workflows(self)
        self.prompts = Prompts(self)
        self.datasets = Datasets(self)
        self.evaluations = Evaluations(self)
        self.rollouts = Rollouts(self)
        self.traces = Traces(self)
        self.otlp = Otlp(self)
        self.schedules = Schedules(self)
        self.budgets = Budgets(self)
        self.stops = Stops(self)
        self.routes = Routes(self)
        self.optimizer = Optimizer(self)
        self.limits = Limits(self)
        self.queues = Queues(self)
        self.quotas = Quotas(self)
        self.batches = Batches(self)
        self.cache = Cache(self)
        self.bills = Bills(self)
        self.price_lists = PriceLists(self)
        self.keys = Keys(self)
        self.projects = Projects(self)
        self.subjects = Subjects(self)
        self.organisations = Organisations(self)
        self.policies = Policies(self)
        self.vault = Vault(self)
        self.credentials = Credentials(self)
        self.prices = Prices(self)
        self.tools = Tools(self)
        self.objects = Objects(self)
        self.audit = Audit(self)
        self.retention = Retention(self)
        self.webhooks = Webhooks(self)
        self.secrets = Secrets(self)
        self.mcp = Mcp(self)
        self.triggers = Triggers(self)
        self.compliance = Compliance(self)
        self.system = System(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def request(
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
        return self.transport.send(request, time_limit)

    def prepared(self, method: str, path: str, headers: dict[str, str]) -> Request:
        """Return a request to stream."""
        return prepare(self.configuration, method, path, headers=headers)
