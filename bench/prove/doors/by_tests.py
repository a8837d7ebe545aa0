"""Lines of doors that tests prove: webhooks out, MCP, answers that are read along. Each counts tests that failed."""

from collections.abc import Iterable, Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most, line_of
from bench.prove.proved import Proved, lines_of_tests
from bench.tested import Outcomes, run_tests
from deploy.local.engines.progress import Progress

_DELIVER = "tests/unit/services/webhooks/test_deliver.py"
_DELIVERED = "tests/integration/roles/test_webhooks.py"
_SENDER = "tests/unit/connectors/http/test_webhook_sender.py"
_MCP = "tests/integration/system/test_mcp.py"
_PINS = "tests/unit/services/tools/test_mcp.py"
_TOKENS = "tests/integration/api/test_token_streams.py"


PROVED = (
    Proved(
        "webhook_down_failed",
        "receiver down for 10 simulated minutes, 900 events of 60 runs; signed, each by the package standardwebhooks",
        (f"{_DELIVER}::test_a_receiver_that_is_down_for_ten_minutes_misses_nothing",),
        engines=False,
    ),
    Proved(
        "webhook_signatures_failed",
        "over HTTP through an outage, stored in PostgreSQL; verified by the package standardwebhooks",
        (f"{_DELIVERED}::test_events_are_delivered_signed_and_in_order_also_after_an_outage",),
    ),
    Proved(
        "webhook_private_failed",
        "private addresses in every writing, redirects, and a name that leads inside at its second look-up",
        (
            f"{_SENDER}::test_others_are_refused_with_a_reason",
            f"{_SENDER}::test_a_redirect_is_not_followed",
            f"{_SENDER}::test_a_private_address_is_not_reached",
            f"{_SENDER}::test_a_name_that_leads_inside_later_is_not_followed",
        ),
        engines=False,
    ),
    Proved(
        "mcp_client_failed",
        "the client of the package mcp lists, submits, waits, reads the cost: stdio, HTTP, HTTP of the older revision",
        (f"{_MCP}::test_a_client_lists_submits_waits_and_reads_the_cost",),
    ),
    Proved("mcp_read_key_failed", "a key that reads writes nothing", (f"{_MCP}::test_a_read_key_cannot_write",)),
    Proved(
        "mcp_changed_pin_failed",
        "a description or a schema that changed since it was pinned: refused, the server is not called",
        (f"{_PINS}::test_a_tool_that_changed_since_it_was_pinned_is_refused_and_not_called",),
        engines=False,
    ),
    Proved(
        "mcp_changed_pin_run_failed",
        "the same in a run: mcp_tool_changed, and no trace of the server's secret on disk",
        (f"{_MCP}::test_a_workflow_calls_a_server_with_a_secret_that_nothing_records",),
    ),
    Proved(
        "token_client_gone_failed",
        "its stream is closed and the call continues; a reader without tokens makes no stream",
        (
            f"{_TOKENS}::test_client_that_goes_away_ends_its_stream_and_the_call_continues",
            f"{_TOKENS}::test_follower_without_tokens_costs_no_stream",
        ),
    ),
    Proved(
        "token_without_nats_failed",
        "NATS is killed before the first token: the whole answer comes",
        (f"{_TOKENS}::test_without_nats_the_whole_answer_comes",),
    ),
)
#: What the test of a receiver that is down counts.
WEBHOOK_FIGURES = {
    "webhook_down_lost": "events",
    "webhook_down_runs_out_of_order": "runs",
    "webhook_repeats_with_another_id": "requests",
}
AIMS = (
    *(one.aim for one in PROVED),
    *(Aim(name, unit, at_most(0), at_most(0)) for name, unit in WEBHOOK_FIGURES.items()),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the tests in one process; a quick run only those without engines. Raises ``BenchError``."""
    proved = [one for one in PROVED if not (quick and one.engines)]
    progress(f"doors: tests of {', '.join(one.name.removesuffix('_failed') for one in proved)}")
    if quick:
        progress("doors: tests that start engines are left out in a quick run; `make test` runs them")
    return lines_of(proved, run_tests(*(test for one in proved for test in one.tests)))


def lines_of(proved: Iterable[Proved], found: Outcomes) -> list[Line]:
    """Return a line for each group of tests, and the figures that they recorded. Raises ``BenchError``."""
    lines = lines_of_tests(proved, found)
    missing = WEBHOOK_FIGURES.keys() - found.figures.keys()
    if missing:
        raise BenchError(f"tests recorded no {', '.join(sorted(missing))}: {found.failed}")
    return [*lines, *(line_of(AIMS, name, found.figures[name]) for name in WEBHOOK_FIGURES)]
