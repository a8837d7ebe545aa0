"""What an organisation's policy says of calls before any run: by their labels, since their values are not known yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.compliance.facts import Facts, Known
from schemas.compliance.shipped import SHIPPED
from schemas.labels.label import Label
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import ModelFacts, ToolFacts, Where
from schemas.policies.patterns import matches
from schemas.policies.rulings import Ruling, strictest
from schemas.records.security.pinned import ToolSecurity, Verdict
from services.security.flow.flows import Flow, NodeFlow

#: A value that no condition can read. A rule that needs the value cannot be decided then, and says so by an error.
_NOT_KNOWN = "\0"
_UNDECIDED = "error:"
_SHIPPED = Facts(SHIPPED)


@dataclass(frozen=True, slots=True)
class Said:
    """What the policy says of a call with any values. ``rules`` are those that say it, ``reason`` is the first one's.

    ``open``: some rules can only be asked when the values are known, and may be milder or stricter. ``denying`` are the
    rules that deny, each with its reason.
    """

    verdict: Verdict
    rules: tuple[str, ...] = ()
    reason: str = ""
    open: bool = False
    denying: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        names = ", ".join(f"'{one}'" for one in self.rules)
        return f"rule {names}" if len(self.rules) == 1 else f"rules {names}"


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks a policy. ``org_id`` is the organisation's, ``facts`` are what is known of providers."""

    policy: PolicySet
    org_id: str
    facts: Facts = _SHIPPED

    @property
    def demands_in_shadow(self) -> bool:
        """Whether demands of compliance change nothing."""
        section = self.policy.policy.compliance
        return section is not None and section.mode == "shadow"

    def known(self, provider: str, model: str) -> Known:
        """Return what is known of a route."""
        return self.facts.of(provider, model)

    def reroute(self, flow: Flow, one: NodeFlow, refused: Sequence[tuple[str, str]]) -> str | None:
        """Return where a call goes whose routes do not meet the demands; ``None`` where nothing does."""
        section = self.policy.policy.compliance
        for route in () if section is None else section.reroute:
            provider, _, model = route.partition("/")
            if (provider, model) not in refused and not self.model(flow, one, provider, model).denying:
                return route
        return None

    def tool(
        self, flow: Flow, one: NodeFlow, name: str, tool: ToolSecurity, args: Iterable[str], labels: Labels
    ) -> Said:
        """Return what it says of a call of a tool whose arguments may have these labels."""
        where = self._where(flow, one)
        facts = ToolFacts(
            where=where,
            tool=name,
            security=tool,
            args=dict.fromkeys(args, _NOT_KNOWN),
            labels=labels,
            control=one.control,
            context=one.context or one.args.whole,
        )
        endorsed = any(
            matches(by.tools, name) and matches(by.workflows, where.workflow) and matches(by.nodes, where.node)
            for by in self.policy.policy.endorse
            if by.by == "verbatim" and one.context is not None
        )
        return self._said(self.policy.tool_call(facts), endorsed=endorsed)

    def model(self, flow: Flow, one: NodeFlow, provider: str, model: str) -> Said:
        """Return what it says of a call of a provider that reads a node's arguments."""
        own, known = one.node.policy.data_class, self.facts.of(provider, model)
        facts = ModelFacts(
            where=self._where(flow, one),
            provider=provider,
            model=model,
            regions=known.regions,
            retention=known.retention_days,
            training=known.trains,
            certifications=known.certifications,
            args={str(path[0]): _NOT_KNOWN for path, _ in one.args if path},
            labels=one.args,
            control=one.control,
            context=(one.context or one.args.whole).join(Label(classes=frozenset({own} if own else ()))),
        )
        return self._said(self.policy.model_call(facts), endorsed=False)

    def _said(self, ruling: Ruling, *, endorsed: bool) -> Said:
        decided = [one for one in ruling.decisions if not one.reason.startswith(_UNDECIDED)]
        verdict = strictest(decided)
        saying = [one for one in decided if one.verdict == verdict and verdict != "allow"]
        rules = tuple(dict.fromkeys(one.rule for one in saying))
        reason = saying[0].reason if saying else ""
        denying = tuple((one.rule, one.reason) for one in decided if one.verdict == "deny")
        return Said(verdict, rules, reason, endorsed or len(decided) < len(ruling.decisions), denying)

    def _where(self, flow: Flow, one: NodeFlow) -> Where:
        spec = flow.resolved.spec
        return Where(org=self.org_id, workflow=spec.name, version=spec.version, node=one.node.id, kind=one.node.type)
