"""The root command: its groups by name, its options, and how errors become one line and an exit code."""

import sys
from typing import Any, NoReturn

import click

from agentflow.cli.errors import INTERRUPTED, OK, USAGE, CliError
from agentflow.cli.lazy import Entry, LazyGroup, usage_line
from agentflow.version import VERSION

ENTRIES = {
    "workflow": Entry("workflow", "Register workflows; submit, follow, cancel and repeat runs."),
    "prompt": Entry("prompt", "Create and deploy versions of prompts; label and archive them."),
    "dataset": Entry("dataset", "Import and list datasets, the cases of evaluations."),
    "evaluation": Entry("evaluation", "List, show and cancel evaluations; write reports, label answers."),
    "trace": Entry("trace", "Read what a run did, and when."),
    "budget": Entry("money.budget", "Create, change and list spending limits."),
    "schedule": Entry("schedule", "Run workflows at scheduled times."),
    "key": Entry("access.key", "Create, list, rotate and revoke API keys."),
    "project": Entry("access.project", "Create and list projects of an organisation."),
    "subject": Entry("access.subject", "Show and erase persons whose data runs handle."),
    "org": Entry("access.org", "Create and list organisations."),
    "policy": Entry("access.policy", "Check, test, store and activate policies."),
    "run": Entry("operations.run", "Delete runs; hold runs, so that nothing deletes them."),
    "webhook": Entry("operations.webhook", "Send events to URLs, signed and retried for a day."),
    "secret": Entry("access.secret", "Store secrets for tools; rotate and remove them."),
    "trigger": Entry("operations.trigger", "Submit runs by requests and topics of other systems."),
    "tool": Entry("access.tool", "List tools; declare tools of queues and MCP servers, and pin tools of these."),
    "compliance": Entry("access.compliance", "State facts of providers; make and verify reports of evidence."),
    "vault": Entry("access.vault", "See and rotate the keys that personal data is sealed with."),
    "audit": Entry("access.audit", "Read the audit log; verify, prove and export it; hold entries."),
    "route": Entry("route", "See why a model was chosen; score answers."),
    "usage": Entry("money.usage", "Show what calls used and cost, by any dimension."),
    "batch": Entry("money.batch", "List, show and cancel batches of calls at providers."),
    "stop": Entry("money.stop", "Stop or pause model calls at once, and resume them."),
    "quota": Entry("money.quota", "Limit how much of providers is used."),
    "limit": Entry("money.limit", "Limit how many runs run at once."),
    "cache": Entry("money.cache", "See what cached answers save; remove them."),
    "price": Entry("money.price", "Look up prices of models."),
    "dlq": Entry("operations.dlq", "List, show and retry dead letters."),
    "topics": Entry("operations.topics", "List topics and how they differ from the catalogue."),
    "worker": Entry("operations.worker", "List workers."),
    "status": Entry("operations.status", "Show whether the system is ready."),
    "doctor": Entry("operations.doctor", "Find problems, and say what to do about each."),
    "config": Entry("config", "Set and show the address, the key and the profiles."),
    "mcp": Entry("mcp", "Serve workflows as tools to an MCP client."),
    "api": Entry("api", "Send any request to the HTTP API."),
    "completion": Entry("completion", "Print the completion script of a shell."),
}


class Root(LazyGroup):
    """``agentctl``. Every way to end is an exit code of ``agentflow.cli.errors``."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run the command and exit."""
        kwargs["standalone_mode"] = False
        sys.exit(self._ended(*args, **kwargs))

    def _ended(self, *args: Any, **kwargs: Any) -> int:
        try:
            code = super().main(*args, **kwargs)
        except CliError as exc:
            return _refused(exc.line(), exc.code)
        except click.exceptions.NoArgsIsHelpError as exc:
            click.echo(exc.format_message(), err=True)
            return USAGE
        except click.UsageError as exc:
            return _refused(usage_line(exc), USAGE)
        except click.ClickException as exc:
            return _refused(exc.format_message(), exc.exit_code)
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        return code if isinstance(code, int) else OK


def _refused(line: str, code: int) -> int:
    click.echo(f"agentctl: {line}", err=True)
    return code


root = Root(
    name="agentctl",
    entries=ENTRIES,
    help="The command line of AgentFlow. Start with `agentctl status` and `agentctl workflow submit --help`.",
    params=[],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    no_args_is_help=True,
)
click.version_option(VERSION, prog_name="agentctl", message="%(prog)s %(version)s")(root)


def run() -> NoReturn:
    """Run ``agentctl``; the entry point."""
    root.main(prog_name="agentctl")
