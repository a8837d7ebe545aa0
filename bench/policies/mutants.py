"""Changed rules of packs: each must fail a test of its pack."""

import re
from collections.abc import Iterator

from schemas.policies.document import Policy, Rule
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests

#: Small changes of a condition, as patterns and what replaces them.
_CHANGES = (
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"> USER", ">= USER"),
    (r"> USER", "> THIRD_PARTY"),
    (r"> USER", "< USER"),
    (r"!(?=[a-z(])", ""),
    (r"==", "!="),
    (r"!=", "=="),
    (r"<=", "<"),
    (r"\bexists\b", "all"),
    (r"\ball\b", "exists"),
    (r"\bcontext\.", "control."),
)


def packs() -> dict[str, Policy]:
    """Return every pack, read."""
    return {name: read_policy(text) for name, text in PACKS.items()}


def own_rules(policy: Policy) -> list[int]:
    """Return the places of a pack's own rules; those of packs that it extends have their tests there."""
    return [at for at, rule in enumerate(policy.rules) if "/" not in rule.id]


def is_found(policy: Policy) -> bool:
    """Return whether a test of the policy fails."""
    return bool(run_tests(policy).failed)


def mutants(policy: Policy, at: int) -> Iterator[tuple[str, Policy]]:
    """Yield a name and the policy for each change of one rule: removed, inverted, weakened, changed in one place."""
    rule = policy.rules[at]
    yield "removed", policy.model_copy(update={"rules": (*policy.rules[:at], *policy.rules[at + 1 :])})
    yield "inverted", _with(policy, at, when=f"!({rule.when})")
    yield "never", _with(policy, at, when="false")
    yield "weakened", _with(policy, at, verdict="deny" if rule.verdict == "allow" else "allow")
    for when in changed(rule):
        yield when, _with(policy, at, when=when)


def changed(rule: Rule) -> Iterator[str]:
    """Yield the conditions that differ from a rule's in one place."""
    for pattern, new in _CHANGES:
        for found in re.finditer(pattern, rule.when):
            yield rule.when[: found.start()] + new + rule.when[found.end() :]


def _with(policy: Policy, at: int, **changes: object) -> Policy:
    rules = list(policy.rules)
    rules[at] = rules[at].model_copy(update=changes)
    return policy.model_copy(update={"rules": tuple(rules)})
