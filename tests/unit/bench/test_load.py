"""The bench's load: its records are what the system reads, and what it looks at in views is what they say."""

import cProfile
import uuid

import orjson
import pytest

from bench import scrape
from bench.lines import BenchError
from bench.measures.wide_map import NODE
from bench.profiling import functions
from bench.run_load import MS, RUN, Submitter, Template, status_of
from bench.waiting_load import WAIT_MS, WaitingRuns
from bench.workflows import FANOUT, FANOUT_WIDTH, INPUTS, ONE_CALL, THREE_STEPS, children, map_and_take, mapped, pause
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from topics.catalogue import RUN_EVENTS
from topics.codec import decode, encode

NOW_MS = 1_700_000_000_000


class Folded:
    """What the orchestrator's rules make of records."""

    def __init__(self, records):
        self.rules, self.state, self.emitted = RunFold(), MemoryState(), []
        for offset, record in enumerate(records):
            event = decode(RUN_EVENTS, record.value)
            commands = self.rules.fold(self.state, event, NOW_MS, offset)
            self.emitted += [command.record for command in commands if isinstance(command, Emit)]

    def emitted_of(self, kind):
        return [record for record in self.emitted if type(record).__name__ == kind]


@pytest.mark.parametrize(
    ("workflow", "first"),
    [(THREE_STEPS, ["first"]), (FANOUT, ["split"]), (ONE_CALL, ["ask"]), (mapped(3), children(3))],
)
def test_a_submission_starts_its_run(workflow, first):
    made = Submitter("acme", workflow).make(2)
    for run, record in made.items():
        assert (record.topic, record.key) == (RUN_EVENTS, run.encode())
        event = decode(RUN_EVENTS, record.value)
        assert (event.run_id, event.org_id, event.inputs) == (run, "acme", INPUTS)
        assert event.submitted_at_ms > NOW_MS
        folded = Folded([record])
        assert [request.step_id for request in folded.emitted_of("StepRequest")] == first
        assert uuid.UUID(run).version == 4
    assert len(made) == 2


def test_a_run_of_the_timers_is_one_timer():
    [record] = Submitter("acme", pause(20_000)).make(1).values()
    folded = Folded([record])
    assert folded.emitted_of("StepRequest") == []
    [view] = folded.emitted_of("RunView")
    assert [(step.kind, step.waiting_until_ms) for step in view.steps] == [("wait", NOW_MS + 20_000)]


def test_the_fan_out_is_as_wide_as_its_name_says():
    event = decode(RUN_EVENTS, next(iter(Submitter("acme", FANOUT).make(1).values())).value)
    mapped_node = event.spec.spec.dag.nodes[1]
    assert mapped_node.config.parallel
    assert len(mapped_node.config.items) == FANOUT_WIDTH == 20


def test_a_run_of_a_wide_map_asks_for_its_children_and_then_takes_them():
    [record] = Submitter("acme", map_and_take(7)).make(1).values()
    folded = Folded([record])
    assert [request.step_id for request in folded.emitted_of("StepRequest")] == [f"{NODE}[{n}]" for n in range(7)]


def test_waiting_runs_wait_with_a_timer_for_each_step():
    records = list(WaitingRuns(mapped(4), children(4)).records(2))
    runs = {record.key.decode() for record in records}
    folded = Folded(records)
    assert len(records) == 2 * (1 + 4)
    assert len(runs) == 2
    for run in runs:
        steps = [folded.state.get(run, f"s:{step}") for step in children(4)]
        assert {step.state for step in steps} == {"waiting"}
        assert all(step.due_ms >= NOW_MS + WAIT_MS for step in steps)
        assert len({step.timer for step in steps}) == 4


def test_the_status_of_a_view_is_found_without_decoding_it():
    records = list(WaitingRuns(THREE_STEPS, ["first"]).records(1))
    views = Folded(records).emitted_of("RunView")
    assert views
    assert [status_of(encode(view)).decode() for view in views] == [view.status for view in views]
    assert status_of(changed(views[0], status="succeeded", error='a "status":"failed" in a text')) == b"succeeded"


def changed(view, **fields):
    return orjson.dumps(orjson.loads(encode(view)) | fields)


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_run_that_failed_ends_the_measurement(status):
    view = Folded(Submitter("acme").make(1).values()).emitted_of("RunView")[0]
    with pytest.raises(BenchError, match=f"a run ended as {status}"):
        status_of(changed(view, status=status))


@pytest.mark.parametrize("encoded", ["{}", RUN, f"{RUN} {RUN} {MS}", f"{MS} {RUN}", f"{RUN} {MS} {MS}"])
def test_a_template_has_run_and_time_exactly_once(encoded):
    with pytest.raises(BenchError, match="exactly once"):
        Template(encoded.encode())


PAGE = """# HELP agentflow_role_lag_records Records not yet processed
agentflow_role_lag_records{role="orchestrator",topic="run-events",partition="0"} 3.0
agentflow_role_lag_records{role="orchestrator",topic="run-events",partition="1"} 4.0
agentflow_role_partition_status{role="orchestrator",partition="0",status="ready"} 1.0
agentflow_role_partition_status{role="orchestrator",partition="1",status="taking"} 1.0
agentflow_role_partition_status{role="orchestrator",partition="2",status="ready"} 1.0
process_open_fds 12.0
"""


def test_lag_and_statuses_are_read_from_a_page_of_metrics():
    assert scrape.lag(PAGE) == 7
    assert scrape.statuses(PAGE) == {"ready": 2, "taking": 1}
    assert scrape.values(PAGE, "process_open_fds") == [("", 12.0)]


def test_a_page_without_lag_is_an_error():
    with pytest.raises(BenchError, match="no lag"):
        scrape.lag("process_open_fds 12.0\n")


def test_the_dearest_functions_of_a_profile_are_shown(tmp_path):
    profiler = cProfile.Profile()
    profiler.runcall(sorted, range(200_000), key=lambda number: -number)
    profiler.dump_stats(tmp_path / "worker.prof")
    title, *rows = functions("worker", tmp_path / "worker.prof")
    assert title.startswith("# worker: ")
    assert {"<lambda>", "<built-in"} <= {word for row in rows[:2] for word in row.split()}
    assert any("200000 calls" in row for row in rows)
