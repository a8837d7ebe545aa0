"""What a run's policy says of a provider that is about to read: of the route of a call, and of others for it.

A call that only demands of compliance deny (``schemas.policies.compliance``) may go elsewhere: where its node leaves
the choice of the model open, among the models that meet them (``Bar``), else to the first route of ``reroute`` that
does.
"""

from dataclasses import dataclass

from msgspec import structs

from schemas.compliance.section import is_demand
from schemas.errors import Unavailable
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import ModelFacts, Where
from schemas.policies.rulings import STOPS, Changes, Ruling
from schemas.records.security.pinned import Decision
from schemas.records.steps import StepSecurity
from services.calls.call import Call
from services.calls.security.ways import only_demands, reroute_of, rerouted_way
from services.routing.router import Route
from services.security.compliance.known import SHIPPED_ALONE, FactsSource
from services.security.enforcement.ports import Policies
from services.security.enforcement.reading import model_facts
from services.security.enforcement.ruling import ruling_of


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The policies and the facts of providers that a process knows. Every method raises ``Unavailable``."""

    policies: Policies
    facts: FactsSource | None

    def ruling(self, call: Call, security: StepSecurity, route: Route) -> Ruling:
        """Return what the policy says if the call goes to a route."""

        def ask(one: PolicySet) -> Ruling:
            return one.model_call(self._facts(call, security, route))

        return ruling_of(self.policies, call.org_id, security, "model_call", ask)

    def ruling_or_other(self, call: Call, security: StepSecurity) -> Ruling:
        """Return what the policy says of the call's route; a ``route`` to another one, where only demands deny it."""
        ruling = self.ruling(call, security, call.route)
        other = self.other(call, security) if only_demands(ruling) else None
        return ruling if other is None else rerouted(ruling, other)

    def other(self, call: Call, security: StepSecurity) -> Route | None:
        """Return the first route of ``reroute`` that meets all demands; ``None`` without one.

        An embedding stays where it is: vectors of another model do not compare.
        """
        if call.operation != "chat":
            return None
        way = rerouted_way(
            lambda route: self.ruling(call, security, route),
            call.route,
            reroute_of(self.policies, call.org_id, security),
        )
        return None if way is None else way.route

    def bar(self, call: Call, security: StepSecurity) -> "Bar | None":
        """Return what bars routes of a call; ``None`` where its policy demands nothing."""
        try:
            section = self.policies.of(call.org_id, security.policy_hash, security.mode).policy.compliance
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a policy that cannot be read denies when it is asked
            return None
        demands = section is not None and section.demands and section.mode == security.mode == "enforce"
        return Bar(self, call, security) if demands else None

    def _facts(self, call: Call, security: StepSecurity, route: Route) -> ModelFacts:
        template = call.content.template
        args = {} if template is None else template.args if template.given is None else template.given
        facts = SHIPPED_ALONE if self.facts is None else self.facts.of(call.org_id)
        return model_facts(security, call.data_class, where_of(call), route, facts.of(*route), args)


class Bar:
    """Says why a route is barred by demands, before one is chosen. ``refused`` are the rulings, by route."""

    def __init__(self, rules: ModelRules, call: Call, security: StepSecurity) -> None:
        self._rules = rules
        self._call = call
        self._security = security
        self.refused: dict[str, Ruling] = {}

    def __call__(self, route: str) -> str | None:
        """Return why a route is barred, ``None`` if it is not. What another rule denies is denied when it is chosen."""
        provider, _, model = route.partition("/")
        ruling = self._rules.ruling(self._call, self._security, Route(provider, model))
        if not only_demands(ruling):
            return None
        self.refused[route] = ruling
        return ruling.message


def where_of(call: Call) -> Where:
    """Return where a call is made, as policies read it."""
    kind = "agent" if call.security is not None and call.security.agent else "llm"
    origin = call.origin
    return Where(
        org=call.org_id,
        workflow=origin.workflow_name,
        run=origin.run_id,
        node=origin.node_id,
        kind=kind,
        tags=call.tags,
    )


def rerouted(ruling: Ruling, other: Route) -> Ruling:
    """Return a ruling that sends a call to another route instead of denying it."""
    name = "/".join(other)

    def moved(one: Decision) -> Decision:
        if not (one.enforced and is_demand(one.rule) and one.verdict in STOPS):
            return one
        return structs.replace(one, verdict="route", reason=f"{one.reason}; sent to {name} instead")

    changes: Changes = structs.replace(ruling.changes, routes=(name,))
    decisions = tuple(map(moved, ruling.decisions))
    return structs.replace(ruling, verdict="route", decisions=decisions, changes=changes)
