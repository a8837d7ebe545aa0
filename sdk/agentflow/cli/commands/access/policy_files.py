"""Reads files of policies by the server's rules."""

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.units import read_text

try:
    from agentflow import policy_rules as rules
except ModuleNotFoundError as exc:
    raise CliError(
        f"the rules of policies need the package {exc.name!r}", "pip install 'agentflow-sdk[testing]'", USAGE
    ) from exc

__all__ = ["read_policy", "rules"]


def read_policy(file: str) -> rules.Policy:
    """Return the policy of a file; ``-`` is stdin. Raises ``CliError`` with the first problem."""
    text = read_text(file)
    try:
        return rules.read_policy(text)
    except rules.InvalidInput as exc:
        first, *others = exc.problems
        more = f" (and {len(others)} more; see `agentctl policy check`)" if others else ""
        place = f"{first.path}: " if first.path else ""
        raise CliError(f"{file}: {place}{first.message}{more}", first.fix, USAGE) from None
