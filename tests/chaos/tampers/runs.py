"""Ends, steps and outputs of runs."""

from msgspec.structs import replace

from tests.chaos.evidence import Evidence
from tests.chaos.tampers.tamper import (
    Tampered,
    ended_run,
    first_event,
    name_of,
    tamper,
    with_event,
    with_run,
    with_step,
    without,
)

WRONG = "wrong"


@tamper("a run loses its terminal event")
def _lost_end(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    return run and Tampered("states", run, with_run(evidence, run, status="running", ends={}))


@tamper("a run has two terminal states")
def _two_ends(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    if run is None:
        return None
    ends = evidence.runs[run].ends
    return Tampered("states", run, with_run(evidence, run, ends=ends | {"failed": max(ends.values()) + 1}))


@tamper("an accepted run is not in the log")
def _lost_run(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    events = [event for event in evidence.events if event.run != run]
    return run and Tampered("states", run, replace(evidence, events=events))


@tamper("a run that is refused for ever succeeds")
def _wrong_end(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_doomed", "failed")
    if run is None:
        return None
    version = max(evidence.runs[run].ends.values())
    return Tampered("states", run, with_run(evidence, run, status="succeeded", code="", ends={"succeeded": version}))


@tamper("a step has two results")
def _two_results(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_talk")
    return run and Tampered("states", f"{run}:ask", with_step(evidence, run, "ask", outputs=["one", "two"]))


@tamper("a step is open although its run has ended")
def _open_step(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_talk")
    return run and Tampered("states", f"{run}:ask", with_step(evidence, run, "ask", state="running"))


@tamper("a refused attempt was not repeated")
def _no_retry(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_stubborn")
    return run and Tampered("states", f"{run}:ask", with_step(evidence, run, "ask", attempt=1))


@tamper("a run is of another organisation")
def _other_org(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    return run and Tampered("states", run, with_event(evidence, evidence.submitted[run], org="elsewhere"))


@tamper("a run is shown to a stranger")
def _shown(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    return run and Tampered("states", run, replace(evidence, foreign=[run]))


@tamper("a run is there that nobody submitted")
def _unknown_run(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    return run and Tampered("states", run, replace(evidence, expected=without(evidence.expected, run)))


@tamper("an attempt's output is wrong in the log")
def _output_in_log(evidence: Evidence) -> Tampered | None:
    event = first_event(evidence.events, "succeeded", step="ask")
    return event and Tampered("outputs", name_of(event), with_event(evidence, event, output=WRONG))


@tamper("a run's output is wrong in the views")
def _output_in_views(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_family")
    return run and Tampered("outputs", run, with_run(evidence, run, output={"merge": []}))


@tamper("a run's output is wrong in PostgreSQL")
def _output_in_rows(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_map")
    if run is None:
        return None
    rows = evidence.run_rows | {run: replace(evidence.run_rows[run], output={"end": None})}
    return Tampered("outputs", run, replace(evidence, run_rows=rows))


@tamper("a run's output is wrong in the API")
def _output_in_api(evidence: Evidence) -> Tampered | None:
    run = next((run for run, row in evidence.api.items() if row.status == "succeeded"), None)
    if run is None:
        return None
    return Tampered("outputs", run, replace(evidence, api=evidence.api | {run: replace(evidence.api[run], output={})}))
