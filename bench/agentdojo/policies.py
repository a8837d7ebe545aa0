"""The policies of the suites: one document each beside this module, written from signatures of tools."""

from pathlib import Path

from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.document import Policy
from schemas.policies.read import read_policy

FOLDER = Path(__file__).with_name("policies")


def policy_of(suite: str) -> Policy:
    """Return a suite's policy. Raises ``InvalidInput`` for a document that is wrong."""
    return read_policy((FOLDER / f"{suite}.yaml").read_text("utf-8"))


def compiled(suite: str) -> PolicySet:
    """Return a suite's policy ready to decide."""
    return compile_policy(policy_of(suite))


def cel_lines(policy: Policy) -> int:
    """Return how many lines of CEL a policy has."""
    return sum(len(rule.when.strip().splitlines()) for rule in policy.rules)


def effects_of(suites: tuple[str, ...]) -> frozenset[str]:
    """Return the tools of some suites that change something, as ``suite.tool``."""
    found = (policy_of(suite).declarations.items() for suite in suites)
    return frozenset(name for declared in found for name, one in declared if one.effects)
