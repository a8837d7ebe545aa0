"""The demands of the section ``compliance`` as rules of the policy, so that one engine decides on all.

A rule's id is ``compliance/<demand>.<class>``, without a class for all data. Its condition asks first whether the fact
is known: what is not known is refused by the rule itself, before any run and in it.
"""

from collections.abc import Iterator

from schemas.compliance.facts import OWN
from schemas.compliance.section import ANY_CLASS, ANY_REGION, PREFIX, Compliance
from schemas.policies.document import Policy, Rule

_STATE = "state the provider's facts, if they are not known"


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """Return all rules of a policy: those that are written, then those of its demands."""
    section = policy.compliance
    return policy.rules if section is None else (*policy.rules, *_rules(section))


def _rules(section: Compliance) -> Iterator[Rule]:
    for name, regions in section.residency.items():
        said = f"is read in {_listed(regions)} only; {_STATE}"
        yield _rule("residency", name, _outside(regions), said, section)
    for name, routes in section.providers.items():
        yield _rule("providers", name, _not_named(routes), f"goes to {_listed(routes)} only", section)
    for name, days in section.retention.items():
        when = f"!has(model.retention) || model.retention > {days}"
        yield _rule("retention", name, when, f"is kept for {days} days at most; {_STATE}", section)
    for name in section.no_training:
        when = "!has(model.training) || model.training"
        yield _rule("no_training", name, when, f"goes to nobody who trains on it; {_STATE}", section)
    for name, wanted in section.certifications.items():
        when = f"!has(model.certifications) || !{_texts(wanted)}.all(c, c in model.certifications)"
        said = f"goes to providers with {_listed(wanted)} only; {_STATE}"
        yield _rule("certifications", name, when, said, section)


def _rule(demand: str, name: str, when: str, said: str, section: Compliance) -> Rule:
    every = name == ANY_CLASS
    return Rule(
        id=f"{PREFIX}{demand}" if every else f"{PREFIX}{demand}.{name}",
        at="model_call",
        when=when if every else f"'{name}' in context.classes && ({when})",
        verdict="deny",
        reason=f"{'all data' if every else f'data of class {name}'} {said}",
        mode=section.mode,
    )


def _outside(regions: tuple[str, ...]) -> str:
    """Return the condition that a region is none of these, nor this installation. A region is within its beginning."""
    if ANY_REGION in regions:
        return "!has(model.regions)"
    tests = [f"r == '{OWN}'", *(f"r == '{one}' || r.startsWith('{one}-')" for one in regions if one != OWN)]
    return f"!has(model.regions) || !model.regions.all(r, {' || '.join(tests)})"


def _not_named(routes: tuple[str, ...]) -> str:
    if not routes:
        return "true"
    tests = [_named(one) for one in routes]
    return f"!({' || '.join(tests)})"


def _named(route: str) -> str:
    """Return the condition that the call goes to a route; without ``/`` the pattern is of providers."""
    field = "(model.provider + '/' + model.model)" if "/" in route else "model.provider"
    if "*" not in route:
        return f"{field} == '{route}'"
    escaped = ".*".join(part.replace(".", "[.]") for part in route.split("*"))
    return f"{field}.matches('^{escaped}$')"


def _texts(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{one}'" for one in values) + "]"


def _listed(values: tuple[str, ...]) -> str:
    return " or ".join(values) or "nobody"
