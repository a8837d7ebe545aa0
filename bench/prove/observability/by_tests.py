"""Lines of traces and metrics that tests prove. Each counts tests that failed."""

import shutil
from collections.abc import Sequence

from bench.lines import Line
from bench.phoenix.server import PHOENIX
from bench.prove.proved import Proved, lines_of_tests
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

_OTLP = "tests/integration/system/test_otlp.py"
_ALERTS = "tests/unit/deploy/prometheus/test_alerts.py"
_DASHBOARDS = "tests/unit/deploy/grafana/test_dashboards.py"
_PUSHED = "tests/unit/services/observability/live_cost/test_lines.py"
_STABILITY = "tests/unit/services/observability/quality/test_stability.py"

PROVED = (
    Proved(
        "otlp_everything_failed",
        "a run with map, retry, agent, child, compensation and failure: every span once, one tree, the ledger's money",
        (f"{_OTLP}::test_a_run_with_everything_is_one_tree_with_the_money_of_the_ledger",),
    ),
    Proved(
        "otlp_foreign_failed",
        "spans of another program: in the trace of the run that called it, priced by us",
        (f"{_OTLP}::test_spans_of_another_program_are_in_the_trace_of_the_run_that_called_it",),
    ),
    Proved(
        "capture_none_failed",
        "what a model was asked is in no topic, table, key or object, and with CAPTURE=full the same search finds it",
        ("tests/integration/system/test_capture.py::test_what_a_model_was_asked_is_in_no_store",),
    ),
    Proved(
        "live_push_golden_failed",
        "bytes of pushes against golden lines of Influx, and a strict reader",
        (
            f"{_PUSHED}::test_a_row_is_its_golden_line",
            f"{_PUSHED}::test_a_strict_reader_finds_what_was_written",
            f"{_PUSHED}::test_whatever_a_name_is_the_line_is_one_line_of_the_protocol",
        ),
        engines=False,
    ),
    Proved(
        "dashboard_types_failed",
        "types of panels, what their queries name, links to traces; the committed files are what the code makes",
        (
            f"{_DASHBOARDS}::test_the_committed_files_are_what_the_code_makes",
            f"{_DASHBOARDS}::test_a_dashboard_has_the_types_that_grafana_knows",
            f"{_DASHBOARDS}::test_the_queries_of_a_panel_name_what_is_declared",
            f"{_DASHBOARDS}::test_links_lead_to_the_dashboard_with_the_spans_of_a_trace",
        ),
        engines=False,
    ),
    Proved(
        "psi_failed",
        "the population stability index against its sum, and of equal distributions",
        (f"{_STABILITY}::test_it_is_the_sum_over_the_shares", f"{_STABILITY}::test_equal_distributions_are_stable"),
        engines=False,
    ),
)
#: What these need is not in every machine.
PROMTOOL = Proved(
    "alert_rules_failed",
    "promtool: each alert fires, and stays silent",
    (f"{_ALERTS}::test_every_alert_has_a_case", f"{_ALERTS}::test_the_alert_fires_and_stays_silent"),
    engines=False,
)
IN_PHOENIX = Proved(
    "phoenix_everything_failed",
    "the same run out to Arize Phoenix from PyPI: every span once, one tree, known kinds, the ledger's money",
    ("tests/integration/system/test_phoenix.py::test_phoenix_shows_a_run_as_one_tree_with_the_money_of_the_ledger",),
)
AIMS = tuple(one.aim for one in (*PROVED, PROMTOOL, IN_PHOENIX))


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the tests in one process; a quick run only those without engines. Raises ``BenchError``."""
    proved = [one for one in (*PROVED, *_where_there(progress)) if not (quick and one.engines)]
    progress(f"tests of {', '.join(one.name.removesuffix('_failed') for one in proved)}")
    return lines_of_tests(proved, run_tests(*(test for one in proved for test in one.tests)))


def _where_there(progress: Progress) -> list[Proved]:
    if not (promtool := shutil.which("promtool")):
        progress("NOT MEASURED: promtool is missing; install the package prometheus")
    if not PHOENIX.is_installed:
        progress("NOT MEASURED: Arize Phoenix is missing; install it with `make phoenix` (0.9 GB)")
    return [*([PROMTOOL] if promtool else []), *([IN_PHOENIX] if PHOENIX.is_installed else [])]
