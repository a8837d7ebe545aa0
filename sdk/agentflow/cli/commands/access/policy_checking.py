"""``agentctl policy check``: every problem of a policy's file, without a server."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.commands.access.policy_files import rules
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import read_text

_PROBLEMS = (Column("PLACE", "path"), Column("PROBLEM", "message"), Column("FIX", "fix"))
_POLICY = (
    Column("NAME", "name"),
    Column("MODE", "mode"),
    Column("RULES", "rules"),
    Column("TOOLS", "tools"),
    Column("TESTS", "tests"),
    Column("UNTESTED", "untested"),
    Column("HASH", "hash"),
)


@make(None, "check", example="agentctl policy check policy.yaml --strict")
@click.argument("file")
@click.option("--strict", is_flag=True, help="End with 1 also if a rule has no test.")
def check(session: Session, file: str, *, strict: bool) -> None:
    """Check the policy in FILE: its fields, labels, paths, conditions, packs and the facts of its tests.

    Ends with 2 if it is wrong. The hash is what runs pin.
    """
    text = read_text(file)
    try:
        policy = rules.read_policy(text)
    except rules.InvalidInput as exc:
        found = [{"path": one.path, "message": one.message, "fix": one.fix} for one in exc.problems]
        session.rows({"problems": found}, found, _PROBLEMS, "path")
        raise CliError(
            f"{file} has {len(found)} problem{'s' * (len(found) > 1)}", "see the fix of each", USAGE
        ) from None
    document = _summary(policy)
    session.one(document, _POLICY, "name")
    untested = document["untested"]
    if strict and untested:
        raise CliError(f"no test reaches {', '.join(untested)}", "add tests", FAILED)


def _summary(policy: rules.Policy) -> dict[str, Any]:
    return {
        "problems": [],
        "name": policy.name,
        "mode": policy.mode,
        "rules": len(policy.rules),
        "tools": len(policy.tools),
        "tests": len(policy.tests),
        "untested": list(rules.run_tests(policy).untested),
        "hash": policy.hash,
    }


command = check
