"""The table of checks. Each is a pure function of the facts; a new one is a row in ``CHECKS``."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from agentflow.cli.doctor import client_checks, run_checks, server_checks
from agentflow.cli.doctor.facts import Facts, Finding


class Check(NamedTuple):
    """A check by its name. ``page`` is its heading in docs/troubleshooting.md."""

    name: str
    page: str
    find: Callable[[Facts], Iterable[Finding]]


CHECKS: Sequence[Check] = (
    Check("connection", "service-connection-errors", server_checks.connection),
    Check("databases", "database-connection-issues", server_checks.databases),
    Check("failed-runs", "workflow-execution-failures", run_checks.failed_runs),
    Check("memory", "high-memory-usage", server_checks.memory),
    Check("no-key", "the-key", client_checks.no_key),
    Check("refused-key", "the-key", client_checks.refused_key),
    Check("organisation", "the-key", client_checks.organisation),
    Check("config-file", "the-key", client_checks.config_file),
    Check("plain-http", "the-key", client_checks.plain_http),
    Check("clock", "the-clock", client_checks.clock),
    Check("degraded", "database-connection-issues", server_checks.degraded),
    Check("no-worker", "workers", server_checks.no_worker),
    Check("lost-worker", "workers", server_checks.lost_worker),
    Check("busy-workers", "workers", server_checks.busy_workers),
    Check("versions", "workers", server_checks.versions),
    Check("unread-lane", "workers", run_checks.unread_lane),
    Check("topics", "topics-and-dead-letters", server_checks.topics),
    Check("dead-letters", "topics-and-dead-letters", server_checks.dead_letters),
    Check("budget", "money", run_checks.budget),
    Check("stop", "money", run_checks.stop),
    Check("run-limit", "money", run_checks.run_limit),
    Check("schedules", "schedules-and-tools", run_checks.schedules),
    Check("tools", "schedules-and-tools", server_checks.tools),
)


def found(facts: Facts) -> list[tuple[Check, Finding]]:
    """Return every problem in the facts, in the order of the table."""
    return [(check, finding) for check in CHECKS for finding in check.find(facts)]
