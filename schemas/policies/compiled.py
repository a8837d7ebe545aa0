"""A policy that is compiled, and its rulings. Every error is a deny.

Most calls match no rule. So the conditions of the rules that count for a name are one condition first, which is false
only where none holds and none fails; each is evaluated by itself only after that.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cel_expr_python import cel

from schemas.errors import InvalidInput, Problem
from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import format_path
from schemas.policies.arguments import argument_labels, has_effects
from schemas.policies.compliance import rules_of
from schemas.policies.document import At, Policy, Rule
from schemas.policies.expressions import Expression, Undecided, activation, any_of, compile_expression
from schemas.policies.facts import AdminFacts, Facts, ModelFacts, OutputFacts, ReadFacts, ToolFacts
from schemas.policies.links import links_of_arguments
from schemas.policies.patterns import matches
from schemas.policies.rulings import ALLOWED, DEFAULT, ERROR, NOTHING, Changes, Ruling, strictest
from schemas.policies.variables import (
    Variables,
    admin_variables,
    model_variables,
    output_variables,
    read_variables,
    tool_variables,
)
from schemas.policies.verbatim import endorsed_arguments
from schemas.records.security.pinned import Decision, Mode, Verdict

#: Conditions that are joined to one. CEL's parser bounds the size of an expression.
_GROUP = 20
#: Selections of rules by names that are kept.
_SELECTIONS = 1_024
_MAX_LABELLED = 16


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule with its compiled condition."""

    rule: Rule
    when: Expression


@dataclass(frozen=True, slots=True)
class _Group:
    """Rules and the condition that holds if one of theirs does; ``None``: each must be asked."""

    rules: tuple[_Ready, ...]
    any: Expression | None


@dataclass(frozen=True, slots=True)
class _Selection:
    """The rules that count for names: those that restrict, and those that allow."""

    limits: tuple[_Group, ...]
    allows: tuple[_Ready, ...]


def compile_policy(policy: Policy, mode: Mode | None = None) -> "PolicySet":
    """Return a policy ready to decide; ``mode`` replaces that of the document, as a run pins it.

    Raises ``InvalidInput`` for conditions that are wrong.
    """
    ready, problems = [], []
    for index, rule in enumerate(rules_of(policy)):
        when = compile_expression(rule.when, rule.at)
        if isinstance(when, Problem):
            problems.append(Problem(f"rules[{index}].when", when.message, when.fix))
        else:
            ready.append(_Ready(rule, when))
    if problems:
        raise InvalidInput.of(*problems)
    return PolicySet(policy, ready, mode or policy.mode)


class PolicySet:
    """The rules of a policy, compiled. It is immutable for its callers, and pure: the same facts, the same ruling."""

    def __init__(self, policy: Policy, ready: Sequence[_Ready], mode: Mode) -> None:
        self.policy = policy
        self.mode = mode
        self._ready = tuple(ready)
        self._selected: dict[tuple[At, str, str, str], _Selection] = {}
        # The search of content takes longer than all else, so only those who ask pay for it.
        self._reads_links = any("new_links" in one.rule.when for one in self._ready)
        self._verbatim = tuple(one for one in policy.endorse if one.by == "verbatim")

    def tool_call(self, facts: ToolFacts) -> Ruling:
        """Decide on a tool's call. A call with effects that no rule allows is what ``effects`` says: denied."""
        default = self.policy.effects if has_effects(facts.security, facts.args) else "allow"

        def variables() -> Variables:
            verbatim = endorsed_arguments(self._verbatim, facts)
            links = links_of_arguments(facts) if self._reads_links else {}
            return tool_variables(facts, verbatim, links, self.policy.values)

        return self._decide("tool_call", facts, facts.tool, variables, default)

    def model_call(self, facts: ModelFacts) -> Ruling:
        """Decide on what a provider is about to read."""
        subject = f"{facts.provider}/{facts.model}"
        return self._decide("model_call", facts, subject, lambda: model_variables(facts, self.policy.values))

    @property
    def rules_results(self) -> bool:
        """Whether there are rules for what tools give."""
        return any(one.rule.at == "output" and one.rule.tools for one in self._ready)

    def output(self, facts: OutputFacts) -> Ruling:
        """Decide on what a step or a run gives."""
        return self._decide("output", facts, facts.path, lambda: output_variables(facts, self.policy.values))

    def read(self, facts: ReadFacts) -> Ruling:
        """Decide on who may see recorded data."""
        return self._decide("read", facts, facts.path, lambda: read_variables(facts, self.policy.values))

    def admin(self, facts: AdminFacts) -> Ruling:
        """Decide on an act of administration."""
        return self._decide("admin", facts, facts.operation, lambda: admin_variables(facts, self.policy.values))

    def _decide(
        self, at: At, facts: Facts, subject: str, variables: Callable[[], Variables], default: Verdict = "allow"
    ) -> Ruling:
        selection = self._selection(at, facts)
        if not selection.limits and default == "allow":
            return ALLOWED
        try:
            read = activation(at, variables())
        except Undecided as exc:
            return self._ruling([self._decision(at, ERROR, "deny", subject, f"error: {exc}", {})], ())
        matched: list[tuple[Rule, Decision]] = []
        for group in selection.limits:
            if not _is_false(group.any, read):
                matched += self._each(group.rules, facts, subject, read)
        if default != "allow":
            allowed = self._each(selection.allows, facts, subject, read)
            matched += allowed
            if not allowed:
                reason = f"no rule allows this call of a tool with effects; its policy says: {default}"
                decision = self._decision(at, DEFAULT, default, subject, reason, _labels(facts, None))
                return self._ruling([*(one for _, one in matched), decision], [rule for rule, _ in matched])
        return self._ruling([one for _, one in matched], [rule for rule, _ in matched]) if matched else ALLOWED

    def _each(
        self, rules: Sequence[_Ready], facts: Facts, subject: str, read: cel.Activation
    ) -> list[tuple[Rule, Decision]]:
        """Return the rules that hold, with what they decide. One that cannot be decided denies."""
        found = []
        for one in rules:
            rule, verdict, reason = one.rule, one.rule.verdict, one.rule.reason
            try:
                if not one.when.holds(read):
                    continue
            except Undecided as exc:
                verdict, reason = "deny", f"error: {exc}"
            labels = _labels(facts, one.when.names)
            found.append((rule, self._decision(rule.at, rule.id, verdict, subject, reason, labels, rule.mode)))
        return found

    def _decision(
        self,
        at: At,
        rule: str,
        verdict: Verdict,
        subject: str,
        reason: str,
        labels: dict[str, list[str]],
        mode: Mode = "enforce",
    ) -> Decision:
        enforced = "shadow" not in (self.mode, mode)
        return Decision(
            point=at, rule=rule, verdict=verdict, subject=subject, reason=reason, labels=labels, enforced=enforced
        )

    def _ruling(self, decisions: list[Decision], rules: Sequence[Rule]) -> Ruling:
        enforced = [one for one in decisions if one.enforced]
        by_id = {one.rule for one in enforced if one.verdict in ("redact", "route")}
        changes = _changes([rule for rule in rules if rule.id in by_id])
        if changes.routes == ():
            routed = next(one for one in enforced if one.verdict == "route")
            reason = "no provider is allowed by all rules that route this call"
            decisions.append(self._decision("model_call", ERROR, "deny", routed.subject, reason, routed.labels))
            enforced.append(decisions[-1])
        return Ruling(
            verdict=strictest(enforced), said=strictest(decisions), decisions=tuple(decisions), changes=changes
        )

    def _selection(self, at: At, facts: Facts) -> _Selection:
        tool = facts.tool if isinstance(facts, ToolFacts | OutputFacts) else ""
        names = (at, tool, facts.where.workflow, facts.where.node)
        found = self._selected.get(names)
        if found is None:
            chosen = [one for one in self._ready if one.rule.at == at and _counts(one.rule, *names[1:])]
            limits = [one for one in chosen if one.rule.verdict != "allow"]
            groups = tuple(_group(limits[start : start + _GROUP], at) for start in range(0, len(limits), _GROUP))
            found = _Selection(groups, tuple(one for one in chosen if one.rule.verdict == "allow"))
            if len(self._selected) >= _SELECTIONS:
                self._selected.clear()
            self._selected[names] = found
        return found


def _group(rules: Sequence[_Ready], at: At) -> _Group:
    return _Group(tuple(rules), any_of([one.when for one in rules], at))


def _is_false(one: Expression | None, read: cel.Activation) -> bool:
    try:
        return one is not None and not one.holds(read)
    except Undecided:
        return False


def _counts(rule: Rule, tool: str, workflow: str, node: str) -> bool:
    if rule.at == "output" and bool(rule.tools) != bool(tool):
        # Rules for answers of models were not written for what tools give, nor the other way round.
        return False
    return matches(rule.tools, tool) and matches(rule.workflows, workflow) and matches(rule.nodes, node)


def _changes(rules: Sequence[Rule]) -> Changes:
    """Return what rules change together: all of their places, and the providers that all of them name."""
    if not rules:
        return NOTHING
    routes: tuple[str, ...] | None = None
    for rule in rules:
        if rule.verdict == "route":
            routes = rule.route if routes is None else tuple(_both(routes, rule.route))
    redacting = [rule for rule in rules if rule.verdict == "redact"]
    paths = dict.fromkeys(path for rule in redacting for path in rule.redact)
    classes = frozenset(name for rule in redacting for name in rule.redact_classes)
    return Changes(redact=tuple(paths), redact_classes=classes, routes=routes)


def _both(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Yield what two lists of routes allow; ``provider`` stands for all of its models."""
    for one in first:
        provider = one.partition("/")[0]
        if one in second or provider in second:
            yield one
        elif one == provider:
            yield from (other for other in second if other.startswith(f"{one}/"))


def _labels(facts: Facts, words: frozenset[str] | None) -> dict[str, list[str]]:
    """Return the labels that a rule with these words decided by; without words all of them. What is trusted is not."""

    def read(*said: str) -> bool:
        return words is None or not words.isdisjoint(said)

    found: dict[str, Label] = {}
    if isinstance(facts, AdminFacts):
        # A request has no labels.
        return {}
    if isinstance(facts, ToolFacts | ModelFacts):
        if read("args", "sinks"):
            names = list(facts.args)[:_MAX_LABELLED]
            found |= {_argument(name): label for name, label in argument_labels(names, facts.labels).items()}
        if read("context"):
            found["context"] = facts.context
    elif read("output"):
        found |= _of_value(facts.labels) if isinstance(facts, OutputFacts) else {"output": facts.label}
    if read("control"):
        found["control"] = facts.control
    return {name: list(_words(label)) for name, label in found.items() if label != TRUSTED}


def _argument(name: str) -> str:
    return f"args.{name}" if name in ("context", "control") else name


@lru_cache(4096)
def _words(label: Label) -> tuple[str, ...]:
    return tuple(label.words)


def _of_value(labels: Labels) -> dict[str, Label]:
    return {format_path(path): label for path, label in list(labels)[:_MAX_LABELLED]}
