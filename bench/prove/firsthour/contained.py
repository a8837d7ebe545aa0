"""Lines of the area ``firsthour`` that tests measure: bad user code, hostile documents, values at every door."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.lines import BenchError, Line
from bench.measures import isolation
from bench.plan import FULL, QUICK
from bench.prove.area import Aim, at_least, at_most, between, line_of
from bench.tested import Outcomes, run_tests
from deploy.local.engines.progress import Progress

BAD_STEPS = 200
_USER_CODE = "tests/load/test_user_code.py::test_bad_user_code_ends_alone_and_nobody_waits_for_it"
_HOSTILE = "tests/integration/api/test_hostile_documents.py::test_health_answers_while_hostile_documents_come"
_DOORS = "tests/unit/schemas/values/test_doors.py"

AIMS = (
    Aim("bad_steps_with_their_code", "steps", at_least(BAD_STEPS), between(BAD_STEPS, BAD_STEPS)),
    Aim("good_steps_failed", "steps", at_most(0), at_most(0)),
    Aim("others_wait_p99_s", "s", at_most(2), at_most(2)),
    Aim("isolated_step_cpu_ms", "ms"),
    Aim("threaded_step_cpu_ms", "ms"),
    Aim("health_p99_ms", "ms", at_most(100), at_most(100)),
    Aim("doors_that_differ", "doors", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Iterator[Line]:
    """Run the tests that measure the lines; a quick run takes fewer steps. Raises ``BenchError``."""
    progress("firsthour: bad steps among good ones, in processes")
    size = "240-24-50" if quick else "2000-200-50"
    yield from _user_code(_measured(f"{_USER_CODE}[{size}]"))
    with tempfile.TemporaryDirectory(prefix="agentflow-isolation-") as folder:
        yield from isolation.measure(Path(folder), QUICK if quick else FULL, progress)
    progress("firsthour: /health while hostile documents come, 20 a second")
    yield _line("health_p99_ms", _measured(_HOSTILE), "1 MB each")
    progress("firsthour: every value through every door")
    doors = run_tests(_DOORS)
    note = f"{doors.passed} doors agree on over 10,000 values each; differing: {', '.join(doors.failed) or 'none'}"
    yield Line("doors_that_differ", "doors", (len(doors.failed),), note)


def _user_code(found: Outcomes) -> Sequence[Line]:
    bad, good = found.figures["bad_steps"], found.figures["good_steps"]
    return [
        _line("bad_steps_with_their_code", found, f"of {bad:.0f} on one worker"),
        _line("good_steps_failed", found, f"of {good:.0f} on the same worker"),
        _line("others_wait_p99_s", found, "from submission to start, another organisation's"),
    ]


def _measured(test: str) -> Outcomes:
    """Return a test's figures, of a failed one too: its line tells by how much."""
    found = run_tests(test)
    if not found.figures:
        raise BenchError(f"{test} measured nothing: {found.failed}")
    return found


def _line(name: str, found: Outcomes, note: str) -> Line:
    return line_of(AIMS, name, found.figures[name], note)
