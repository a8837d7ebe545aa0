"""Lines of a reader in another language: Java reads ``workflow-events`` by the AsyncAPI document alone."""

import shutil
import subprocess
from collections.abc import Sequence

from bench.lines import Line, NotThere
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.tested import run_tests
from deploy.local.engines.kafka import jar_folder
from deploy.local.engines.progress import Progress

_EXAMPLES = "tests/integration/api/test_examples_events.py"
TESTS = (
    f"{_EXAMPLES}::test_java_reads_events_by_the_document_alone",
    f"{_EXAMPLES}::test_java_names_an_event_that_is_off_its_schema",
)
EVENTS = 120

AIMS = (
    Aim("java_events_valid", "events", at_least(EVENTS), at_least(EVENTS)),
    Aim("java_reader_failed", "tests", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the tests of the Java reader. Raises ``NotThere`` without a JDK or Kafka's jars, and ``BenchError``."""
    if quick:
        progress("java: not measured in a quick run; `make test-all` runs its tests")
        return []
    if lacking := _lacking():
        raise NotThere(f"java: {lacking}")
    progress("doors: Java reads workflow-events by the AsyncAPI document alone")
    found = run_tests(*TESTS)
    first = "; ".join(f"{name}: {why[:200]}" for name, why in found.failed.items())
    note = first or "examples/events/ReadEvents.java, kafka-clients; one event off its schema is named by its place"
    return [
        line_of(AIMS, "java_events_valid", found.figures.get("java_events_valid", 0.0), "by the document's schemas"),
        line_of(AIMS, "java_reader_failed", len(found.failed), note),
    ]


def _lacking() -> str:
    """Return what is not here to compile and run the reader; empty when all is."""
    java = shutil.which("java")
    if java is None:
        return "no java is installed; install a JDK of 17 or later"
    listed = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False, timeout=60)
    if "jdk.compiler" not in listed.stdout:
        return "only a Java that cannot compile is installed; install a JDK of 17 or later"
    if not list(jar_folder().glob("kafka-clients-*.jar")):
        return f"no kafka-clients jar is in {jar_folder()}; `make run` fetches it once"
    return ""
