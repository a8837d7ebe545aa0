"""The static check of a workflow by its organisation's policy: what it refuses, and what it warns of."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.compliance.facts import Facts, FactsDocument
from schemas.compliance.shipped import SHIPPED
from schemas.errors import AgentFlowError, InvalidSpec, Problem
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.document import Policy
from schemas.records.security.pinned import UNDECLARED, ToolSecurity
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.model import ResolvedSpec
from schemas.spec.text.read import MAX_PROBLEMS
from services.security.flow.findings import findings_of
from services.security.flow.ground import USER, Ground
from services.security.flow.judge import Judge
from services.security.flow.walk import flow_of
from services.security.policies.active import Active
from services.security.policies.pinning import NOTHING_SAID, Elsewhere, security_of
from services.security.policies.surface import Surface


@dataclass(frozen=True, slots=True)
class FlowCheck:
    """A check with the active policy ``name`` of an organisation, as data for another process.

    ``name`` has its version, as ``name@version``. ``tools`` are the registry's declarations of tools, ``stated`` the
    organisation's facts of providers, ``base`` those of all, ``elsewhere`` what it says of MCP servers and queues.
    """

    org_id: str
    name: str
    policy: Policy
    tools: Mapping[str, ToolSecurity]
    arguments: ArgumentNames
    stated: FactsDocument | None = None
    base: FactsDocument = SHIPPED
    elsewhere: Elsewhere = NOTHING_SAID

    def warnings(self, resolved: ResolvedSpec) -> tuple[Problem, ...]:
        """Return what a run may break. Raises ``InvalidSpec`` where the policy refuses such workflows.

        A policy in shadow mode warns. One that cannot be read refuses: nobody knows what it would allow.
        """
        policy = self.policy
        if policy.static == "off":
            return ()
        try:
            ground = self._ground(resolved)
            judge = Judge(compile_policy(policy), self.org_id, Facts(self.base, self.stated))
        except AgentFlowError as exc:
            said = f"the policy {self.name} of this organisation cannot be read: {exc}"
            raise InvalidSpec((Problem("", said, "activate a version that passes `agentctl policy test`"),)) from exc
        found = findings_of(flow_of(resolved, ground), ground, judge)[:MAX_PROBLEMS]
        refused = tuple(one.problem for one in found if one.violates)
        if refused and policy.static == "refuse" and policy.mode == "enforce":
            raise InvalidSpec(refused)
        return tuple(one.problem for one in found)

    def _ground(self, resolved: ResolvedSpec) -> Ground:
        """Return what a run would pin that a person with a key starts now."""

        def declared(_kind: str, name: str) -> ToolSecurity:
            return self.tools.get(name, UNDECLARED)

        active = Active(self.policy, int(self.name.rpartition("@")[2]), self.policy.mode, self.policy.hash)
        surface = Surface.of(resolved)
        inputs, name = Labels.of_whole(USER), resolved.spec.name
        security = security_of(active, self.policy.declarations, inputs, name, surface, declared, self.elsewhere)
        closed = {workflow: frozenset(nodes) for workflow, nodes in security.closed.items()}
        return Ground(security.tools, Labels.read(security.inputs), closed=closed, arguments=self.arguments)
