"""``agentctl policy test``: the tests in a policy's file, without a server."""

import click

from agentflow.cli.commands.access.policy_files import read_policy, rules
from agentflow.cli.errors import FAILED, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session


@make(None, "test", example="agentctl policy test policy.yaml -o json")
@click.argument("file")
def test(session: Session, file: str) -> None:
    """Run the tests of the policy in FILE, with one line for each that fails.

    Ends with 1 if a test fails, or if there is none, and with 2 if the file is wrong.
    """
    policy = read_policy(file)
    report = rules.run_tests(policy)
    document = {"name": policy.name, "hash": policy.hash, **report.document}
    if session.format in ("table", "wide"):
        for one in report.failed:
            click.echo(f"FAILED {one.line}")
        if report.untested:
            click.echo(f"untested: {', '.join(report.untested)}")
        click.echo(f"{document['passed']} passed, {document['failed']} failed")
    else:
        session.rows(document, [one for one in document["tests"] if not one["passed"]], (), "name")
    if not report.results:
        raise CliError(f"{file} has no tests", "add `tests:` with facts and what to expect", FAILED)
    if report.failed:
        raise CliError(f"{len(report.failed)} of {len(report.results)} tests failed", "see the line of each", FAILED)


command = test
