"""Before an ``llm`` step is lent: what the policy says of the model that its worker will ask.

The provider is the one that the node names. A node that names none leaves it to the worker, so it has no name and
nothing is known of it: rules that read its regions cannot be decided, and deny.
"""

from functools import partial

from msgspec import structs

from connectors.ports.engine import Clock
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import Where
from schemas.policies.rulings import Ruling
from schemas.records.base import Json
from schemas.records.steps import LlmCall, StepRequest, StepSecurity
from services.calls.ledger import Ledger
from services.calls.security.deciding import noted
from services.calls.security.ways import reroute_of, way_of
from services.routing.router import Route
from services.runs.attempts.tool_guard import changed_args
from services.security.compliance.known import FactsSource
from services.security.enforcement.ports import Policies
from services.security.enforcement.reading import model_facts
from services.security.enforcement.ruling import denial, ruling_of


class LentModelGuard:
    """Asks the policy of a run before one of its ``llm`` steps is lent. ``facts`` are what is known of providers."""

    def __init__(self, policies: Policies, facts: FactsSource, clock: Clock) -> None:
        self._policies = policies
        self._facts = facts
        self._clock = clock

    def allowed(
        self, request: StepRequest, work: LlmCall, args: dict[str, Json], ledger: Ledger
    ) -> tuple[LlmCall, dict[str, Json]]:
        """Return the call that may be lent, with its arguments: another model, or less to read, where a rule says so.

        What was decided is in the ledger. Raises ``Deferred`` when it cannot be decided now, and a final ``StepError``:
        ``policy_denied``, or ``policy_failed`` when nobody can decide.
        """
        security = request.security
        if security is None:
            return work, args

        def ask(route: Route) -> Ruling:
            return noted(ledger, self._clock, partial(self._ruling, request, security, work, args, route))

        named = Route(work.provider or "", work.model or "")
        way = way_of(ask, named, lambda: reroute_of(self._policies, request.org_id, security))
        if not way.is_open:
            raise denial(way.ruling, security.policy)
        if way.route != named:
            work = structs.replace(work, provider=way.route.provider, model=way.route.model or None)
        return work, changed_args(args, security, way.ruling)

    def _ruling(
        self, request: StepRequest, security: StepSecurity, work: LlmCall, args: dict[str, Json], route: Route
    ) -> Ruling:
        where = Where(
            org=request.org_id,
            workflow=request.workflow_name,
            run=request.run_id,
            node=request.node_id,
            kind="llm",
            tags=request.tags,
        )

        def say(policy: PolicySet) -> Ruling:
            known = self._facts.of(request.org_id).of(*route)
            return policy.model_call(model_facts(security, work.data_class, where, route, known, args))

        return ruling_of(self._policies, request.org_id, security, "model_call", say)
