"""Registration of workflows: everything is checked first, and only then anything is stored.

    1. check    the document, its prompts, nested workflows, arguments, routes; nothing is written
    2. prompts  versions of the prompts that are written inside nodes; equal text is the same version
    3. store    the workflow, whose nodes name these versions

A crash after 2 leaves versions of prompts that nothing names; the same registration finds them again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from connectors.postgres.prompts import Prompts
from connectors.postgres.vault import Vault
from connectors.postgres.workflows import StoredWorkflow, Workflows
from connectors.prices.book import PricesOf
from connectors.prices.known import KnownModels
from connectors.redis.worker_registry import Seen, WorkerRegistry
from connectors.tools.arguments import argument_problems
from connectors.tools.registry import Registry
from schemas.clock import now_ms
from schemas.compliance.facts import FactsDocument
from schemas.compliance.shipped import SHIPPED
from schemas.errors import InvalidSpec, Problem, Unavailable
from schemas.prompts.inline import InlinePrompt, renamed, with_versions
from schemas.spec.check.workflow import prompt_refs
from schemas.spec.loops import placed_nodes
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from schemas.spec.text.read import MAX_PROBLEMS
from services.security.flow.check import FlowCheck
from services.security.flow.ports import ActivePolicies
from services.security.policies.pinning import Elsewhere
from services.tools.queue_tools import QueueTools
from services.tools.server_labels import ServerLabels
from services.workflows.archived import archived_problems
from services.workflows.check_requests import Check
from services.workflows.checks import DocumentChecks, Parsed
from services.workflows.mcp_pins import mcp_calls
from services.workflows.nested import load_family, pin_prompts
from services.workflows.provider_checks import route_problems, route_warnings
from services.workflows.resolver import Plan
from services.workflows.schema_checks import answer_schema_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationPorts:
    """The stores and registries of registrations."""

    workflows: Workflows
    prompts: Prompts
    tools: Registry
    models: KnownModels
    prices: PricesOf
    workers: WorkerRegistry
    checks: DocumentChecks
    vault: Vault | None = None
    policies: ActivePolicies | None = None
    facts: FactsDocument = SHIPPED
    servers: ServerLabels | None = None
    queues: QueueTools | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that may be registered. ``inline`` are the prompts inside its nodes, with the versions that they
    have, or would get now. ``there`` is the same document, if it is registered already. ``project`` is that of
    the key.
    """

    spec: WorkflowSpec
    plan: Plan
    inline: Mapping[str, tuple[InlinePrompt, int]]
    there: StoredWorkflow | None
    warnings: tuple[Problem, ...]
    project: str | None = None


class Registrations:
    """Checks and stores workflows. Every method raises ``Unavailable``."""

    def __init__(self, ports: RegistrationPorts) -> None:
        self._ports = ports

    async def check(self, org_id: str, text: str, project: str | None = None) -> Draft:
        """Return what a document would be registered as; nothing is written.

        ``project`` is that of a key, which sees no prompts of other projects. Raises ``InvalidSpec`` with every
        problem, ``Conflict`` when the version exists with another document, and ``TooLarge``.
        """
        parsed = await self._ports.checks.parse(text)
        versions = await self._versions(org_id, parsed.inline)
        written = {one.node: (one, versions[one.name]) for one in parsed.inline}
        spec = with_versions(parsed.spec, {node: one.pinned(version) for node, (one, version) in written.items()})
        workers = await self._workers()
        try:
            own = {f"{one.name}@{version}": one.pinned(version) for one, version in written.values()}
            plan = await self._plan(org_id, replace(parsed, spec=spec), own, workers, project)
        except InvalidSpec as exc:
            raise InvalidSpec(_placed(exc.problems, spec, written)) from exc
        there = await self._ports.workflows.find_same(org_id, spec)
        stored = await self._own_providers(org_id)
        prices = await self._ports.prices.of(org_id, now_ms())
        routes = route_warnings(spec, self._ports.models.under(prices), workers, stored, plan.resolved.prompts)
        pins = await self._pin_warnings(org_id, spec)
        return Draft(spec, plan, written, there, (*routes, *pins, *plan.flow), project)

    async def store(self, org_id: str, draft: Draft) -> tuple[StoredWorkflow, bool]:
        """Store a checked document; return it, and true if it is new.

        Raises ``Conflict``, also where the name of an inline prompt belongs to another project.
        """
        if draft.there is not None:
            return draft.there, False
        # The version may be another one than was foreseen, when somebody else stored a text of that name meanwhile.
        pinned = {
            node: one.pinned(await self._ports.prompts.ensure(org_id, one.name, one.template, within=draft.project))
            for node, (one, _) in draft.inline.items()
        }
        spec = with_versions(draft.spec, pinned)
        return await self._ports.workflows.create(org_id, spec, sorted(draft.plan.required))

    async def _versions(self, org_id: str, inline: Sequence[InlinePrompt]) -> dict[str, int]:
        if not inline:
            return {}
        return await self._ports.prompts.versions_of(org_id, {one.name: one.hash for one in inline})

    async def _plan(
        self, org_id: str, parsed: Parsed, own: Mapping[str, PinnedPrompt], workers: list[Seen], project: str | None
    ) -> Plan:
        ports, spec = self._ports, parsed.spec
        registered = await pin_prompts(ports.prompts, org_id, prompt_refs(spec) - own.keys(), project)
        pinned = {**registered.prompts, **own}
        family = await load_family(ports.workflows, ports.prompts, org_id, spec)
        further = chain(
            archived_problems(spec, registered.archived),
            argument_problems(spec, ports.tools),
            route_problems(spec, ports.models, workers, pinned),
            answer_schema_problems(spec),
        )
        request = Check(
            spec=spec,
            prompts=pinned,
            tools=sorted(ports.tools.names("tool")),
            functions=sorted(ports.tools.names("function")),
            further=list(islice(further, MAX_PROBLEMS)),
            family=family,
            arguments=ports.tools.all_argument_names(),
            flow=await self.flow_check(org_id),
        )
        return await ports.checks.check(request, small=parsed.small)

    async def flow_check(self, org_id: str) -> FlowCheck | None:
        """Return the check of where data may go, ``None`` in an organisation without a policy."""
        ports = self._ports
        active = None if ports.policies is None else await ports.policies.active(org_id)
        if active is None:
            return None
        tools = {name: ports.tools.security("tool", name) for name in ports.tools.names("tool")}
        taken = ports.tools.all_argument_names()
        servers = {} if ports.servers is None else await ports.servers.of(org_id)
        queues = {} if ports.queues is None else await ports.queues.of(org_id)
        elsewhere = Elsewhere(servers, queues)
        return FlowCheck(org_id, active.name, active.policy, tools, taken, active.facts, ports.facts, elsewhere)

    async def _pin_warnings(self, org_id: str, spec: WorkflowSpec) -> list[Problem]:
        """Return a warning for each call of an MCP server's tool that is not pinned, which would fail."""
        calls = list(mcp_calls(spec))
        if self._ports.servers is None or not calls:
            return []
        missing = set(await self._ports.servers.unpinned(org_id, [(one.server, one.tool) for one in calls]))
        return [one.warning for one in calls if (one.server, one.tool) in missing]

    async def _own_providers(self, org_id: str) -> frozenset[str]:
        """Return the providers that the organisation has stored keys of, which every worker can ask for it."""
        vault = self._ports.vault
        return frozenset() if vault is None else frozenset(one.provider for one in await vault.all(org_id))

    async def _workers(self) -> list[Seen]:
        """Return the workers; none while they cannot be listed, which must not refuse a registration."""
        try:
            return await self._ports.workers.all()
        except Unavailable:
            return []


def _placed(problems: tuple[Problem, ...], spec: WorkflowSpec, inline: Mapping[str, object]) -> tuple[Problem, ...]:
    """Return problems with the places where prompts are written."""
    places = {path for path, node in placed_nodes(spec) if node.id in inline}
    return tuple(renamed(problem, places) for problem in problems)
