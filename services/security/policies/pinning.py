"""What a run pins of its organisation's policy, when it is submitted: nothing where no policy is active.

1. Its inputs are labelled by the door that they came through: ``user`` with a key, ``third_party`` from other systems.
   The policy may make that stricter, never laxer.
2. The tools that the workflow, or one that it starts, may call have their declarations: of the policy, else of the
   registry, and results of an MCP server the label of that server. A tool of a queue is known to its workers only:
   what the organisation declares of it counts, and makes what the policy says stricter. Without a word nothing is
   declared of it.
3. Only the policy says what endorses: functions that it lists, and answers of nodes that it names, or that are
   quarantined, and whose schema is closed. What a declaration of the registry says of that is a wish.
4. Its inputs are redacted, and labelled by what was found in them, where the policy has a section ``privacy``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cachetools import LRUCache
from msgspec.structs import replace

from schemas.errors import PrivacyRefused, StepError, Unavailable
from schemas.labels.label import INTEGRITIES, UNLABELLED, Integrity, Label, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, format_path
from schemas.labels.servers import MCP_CALL, server_label, tool_key
from schemas.labels.stricter import strictest
from schemas.policies.document import Endorsement, Policy
from schemas.policies.patterns import matches
from schemas.records.base import Json
from schemas.records.security.pinned import UNDECLARED, Mode, RunSecurity, ToolSecurity
from schemas.spec.model import ResolvedSpec
from services.privacy.redact.redactor import Of, Redacted, Redactor
from services.privacy.redact.redactors import Redactors
from services.security.policies.active import MAX_POLICIES, Active
from services.security.policies.inputs import Entered, Entry, entered, looked_at
from services.security.policies.surface import Surface

#: Workflows whose tools are remembered.
MAX_SPECS = 1_000
Servers = Mapping[str, Sequence[str]]
"""Words of the labels of MCP servers, by name."""
OnQueues = Mapping[tuple[str, str], ToolSecurity]
"""What an organisation declares of tools, by queue and tool."""
_ENDORSING = ToolSecurity(pure=True, endorses=True)


class Declared(Protocol):
    """What tools declare, see ``connectors.tools.registry``."""

    def __call__(self, kind: Literal["tool", "function"], name: str, /) -> ToolSecurity:
        """Return what is declared of a tool or a function; of an unknown one, nothing."""
        ...


class Activated(Protocol):
    """Which policies are active, see ``active``."""

    async def of(self, org_id: str) -> Active | None:
        """Return an organisation's active policy. Raises ``Unavailable``."""
        ...


class ServerLabels(Protocol):
    """Which labels results of MCP servers have, see ``services.tools.server_labels``."""

    async def of(self, org_id: str) -> Servers:
        """Return the words of a label for each server of an organisation. Raises ``Unavailable``."""
        ...


class QueueDeclarations(Protocol):
    """What is declared of tools on queues, see ``services.tools.queue_tools``."""

    async def of(self, org_id: str) -> OnQueues:
        """Return what an organisation declares. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What an organisation says of tools that are not this installation's: labels of MCP servers, tools of queues."""

    servers: Servers = field(default_factory=dict)
    queues: OnQueues = field(default_factory=dict)


NOTHING_SAID = Elsewhere()


class Pinning:
    """Makes the security of runs."""

    def __init__(
        self,
        active: Activated,
        declared: Declared,
        redactors: Redactors | None = None,
        servers: ServerLabels | None = None,
        queues: QueueDeclarations | None = None,
    ) -> None:
        self._active = active
        self._servers = servers
        self._queues = queues
        self._declared = declared
        self._redactors = redactors
        self._policies: LRUCache[str, Policy] = LRUCache(MAX_POLICIES)
        self._surfaces: LRUCache[str, Surface] = LRUCache(MAX_SPECS)
        self._declarations: LRUCache[str, dict[str, ToolSecurity]] = LRUCache(MAX_POLICIES)

    async def of(
        self, org_id: str, door: Integrity, spec: ResolvedSpec, known: Labels | None = None
    ) -> RunSecurity | None:
        """Return the security of a run whose inputs came through ``door``; ``None`` without an active policy.

        ``known`` are labels of the inputs besides, which make those of the door stricter.
        Raises ``Unavailable`` when nobody knows whether there is one.
        """
        active = await self._active.of(org_id)
        if active is None:
            return None
        door_labels = Labels.of_whole(Label(door))
        said = await self._elsewhere(org_id, spec)
        return self.under(active, door_labels if known is None else door_labels.join(known), spec, said)

    async def again(self, org_id: str, door: Integrity, spec: ResolvedSpec, before: "Before") -> RunSecurity | None:
        """Return the security of a run that does another one again, with other inputs laid over those of that one.

        What it takes over keeps its labels. Where these are not known, it is trusted least.
        """
        active = await self._active.of(org_id)
        if active is None:
            return None
        return self.under(active, before.labels(door), spec, await self._elsewhere(org_id, spec))

    async def for_spec(self, security: RunSecurity, org_id: str, spec: ResolvedSpec) -> RunSecurity:
        """Return the security of a run with another spec, such as one with a new version of a prompt.

        Raises ``Unavailable`` when another policy has become active meanwhile.
        """
        active = await self._active.of(org_id)
        if active is None or active.hash != security.policy_hash:
            raise Unavailable("policies", "another policy has just become active", 0.1)
        said = await self._elsewhere(org_id, spec)
        made = self.under(active, Labels.read(security.inputs), spec, said)
        return replace(made, inputs=security.inputs)

    async def entered(self, entry: Entry, security: RunSecurity) -> Entered:
        """Return inputs as they may be in the log of a run with this security, which was made here.

        Raises ``PrivacyRefused``, ``TooLarge`` and ``Unavailable``; without redactors nothing is accepted that a policy
        wants to be redacted.
        """
        policy = self._policies[security.policy_hash]
        redactor = self._redactor(policy, security.policy_hash, security.mode, entry.workflow)
        if redactor is None:
            return Entered(entry.inputs, security, entry.body_hash)
        return await entered(redactor, entry, security)

    async def signalled(self, of: Of, workflow: str, data: Json) -> Redacted:
        """Return a signal's data as it may be in the log, by the policy that is active now. Raises as ``entered``."""
        active = await self._active.of(of.org_id)
        redactor = None
        if active is not None:
            redactor = self._redactor(active.policy, active.hash, active.mode, workflow)
        return Redacted(data) if redactor is None else await looked_at(redactor, of, data, "data")

    def _redactor(self, policy: Policy, policy_hash: str, mode: Mode, workflow: str) -> Redactor | None:
        if policy.privacy is None:
            return None
        if self._redactors is None:
            raise PrivacyRefused("the organisation's policy redacts what enters, and no vault is set up; set VAULT_KEY")
        try:
            return self._redactors.of(policy, policy_hash, mode, workflow)
        except StepError as exc:
            raise PrivacyRefused(f"the organisation's policy redacts what enters, which cannot be done: {exc}") from exc

    async def _elsewhere(self, org_id: str, spec: ResolvedSpec) -> Elsewhere:
        """Return what is declared of MCP servers and queues, for a workflow that calls some. Raises ``Unavailable``."""
        surface = self._surface(spec)
        servers = await self._servers.of(org_id) if self._servers is not None and surface.servers else {}
        queues = await self._queues.of(org_id) if self._queues is not None and surface.queued else {}
        return Elsewhere(servers, queues) if servers or queues else NOTHING_SAID

    def _surface(self, spec: ResolvedSpec) -> Surface:
        surface = self._surfaces.get(spec.hash)
        if surface is None:
            surface = self._surfaces[spec.hash] = Surface.of(spec)
        return surface

    def under(
        self, active: Active, inputs: Labels, spec: ResolvedSpec, elsewhere: Elsewhere = NOTHING_SAID
    ) -> RunSecurity:
        """Return the security of a run under a policy, with ``inputs`` labelled so."""
        self._policies[active.hash] = active.policy
        surface = self._surface(spec)
        declarations = self._declarations.get(active.hash)
        if declarations is None:
            declarations = self._declarations[active.hash] = active.policy.declarations
        return security_of(active, declarations, inputs, spec.spec.name, surface, self._declared, elsewhere)


def security_of(
    active: Active,
    declarations: Mapping[str, ToolSecurity],
    inputs: Labels,
    workflow: str,
    surface: Surface,
    registry: Declared,
    elsewhere: Elsewhere = NOTHING_SAID,
) -> RunSecurity:
    """Return the security of runs of a workflow under a policy, with ``inputs`` labelled so by their door.

    ``declarations`` are the policy's.
    """
    policy = active.policy
    tools = dict(_tools(policy, declarations, surface, registry, elsewhere.queues))
    tools |= _of_servers(tools, MCP_CALL in declarations, surface, elsewhere.servers)
    return RunSecurity(
        policy=active.name,
        policy_hash=active.hash,
        mode=active.mode,
        inputs=labelled(policy, workflow, inputs).recorded,
        tools=dict(sorted(tools.items())),
        closed=_closed(policy, surface),
        redacts=active.mode == "enforce" and policy.privacy is not None and policy.privacy.redacts_log,
        judges=active.mode == "enforce" and any(one.at == "output" and one.mode == "enforce" for one in policy.rules),
    )


def _tools(
    policy: Policy, declared: Mapping[str, ToolSecurity], surface: Surface, registry: Declared, queues: OnQueues
) -> Iterator[tuple[str, ToolSecurity]]:
    for name in surface.tools:
        own = [] if name not in declared else [declared[name]]
        if name in surface.queued:
            yield name, strictest(*own, *_on_queues(name, bool(own), surface, registry, queues))
        else:
            yield name, own[0] if own else replace(registry("tool", name), endorses=False)
    for name, workflows in surface.functions.items():
        if all(_is_listed(policy, name, workflow) for workflow in workflows):
            yield f"function:{name}", _ENDORSING


def _on_queues(
    name: str, by_policy: bool, surface: Surface, registry: Declared, queues: OnQueues
) -> Iterator[ToolSecurity]:
    """Yield what is declared of a tool on each queue that it is called on. Where the policy says something of it,
    queues without a word, and the registry, add nothing.
    """
    for queue in sorted(surface.queued[name]):
        if found := queues.get((queue, name)):
            yield found
        elif not by_policy:
            yield UNDECLARED if queue else replace(registry("tool", name), endorses=False)


def _of_servers(
    tools: Mapping[str, ToolSecurity], by_policy: bool, surface: Surface, servers: Servers
) -> Iterator[tuple[str, ToolSecurity]]:
    """Yield what is declared of calls of each MCP server whose label is another than that of all.

    The declaration of a server takes the place of the registry's. What the policy says of all of them may only become
    stricter by it.
    """
    base = tools.get(MCP_CALL)
    if base is None:
        return
    for server in surface.servers & servers.keys():
        label = server_label(servers[server])
        if by_policy:
            label = label.join(label_of(base.source) if base.source else UNLABELLED)
        if label.words != list(base.source):
            yield tool_key(MCP_CALL, {"server": server}), replace(base, source=label.words)


class Before:
    """The labels of a run's inputs, for one that takes them over. ``given`` are the names of those laid over them."""

    def __init__(self, recorded: Mapping[str, list[str]] | None, given: frozenset[str]) -> None:
        self._recorded = recorded
        self._given = given

    def labels(self, door: Integrity) -> Labels:
        """Return the labels of all inputs, where those given came through ``door``."""
        before = Labels.of_whole(UNLABELLED) if self._recorded is None else Labels.read(self._recorded)
        kept = {path: label for path, label in before if not path or path[0] not in self._given}
        return Labels({ROOT: before.root} | kept | {(name,): Label(door) for name in self._given})


def labelled(policy: Policy, workflow: str, inputs: Labels) -> Labels:
    """Return the labels of inputs under a policy: as they are, or stricter where it says so."""
    found = inputs
    for pattern, places in policy.inputs.items():
        if matches((pattern,), workflow):
            found = found.join(Labels.read({format_path(ROOT): ["trusted"]} | _whole_words(places)))
    return found


def _whole_words(places: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return labels that say nothing of integrity with that of the door: a label without one is trusted least."""
    return {
        path: words if any(one in INTEGRITIES for one in words) else ["trusted", *words]
        for path, words in places.items()
    }


def _is_listed(policy: Policy, function: str, workflow: str) -> bool:
    return any(
        one.by == "list" and matches(one.functions, function) and matches(one.workflows, workflow)
        for one in policy.endorse
    )


def _closed(policy: Policy, surface: Surface) -> dict[str, list[str]]:
    """Return the nodes whose answers the policy endorses, by workflow: their schemas are closed."""
    named = [one for one in policy.endorse if one.by == "schema"]
    found = {
        workflow: sorted(node for node in nodes if any(_names(one, workflow, node, surface) for one in named))
        for workflow, nodes in sorted(surface.closed.items())
    }
    return {workflow: nodes for workflow, nodes in found.items() if nodes}


def _names(one: Endorsement, workflow: str, node: str, surface: Surface) -> bool:
    if one.quarantined and node not in surface.quarantined.get(workflow, ()):
        return False
    return matches(one.nodes, node) and matches(one.workflows, workflow)
