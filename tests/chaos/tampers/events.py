"""Codes, dead letters, cancels, signals and children; caps."""

from msgspec.structs import replace

from tests.chaos.evidence import Evidence
from tests.chaos.records import DeadLetter
from tests.chaos.tampers.tamper import Tampered, ended_run, tamper, with_money, with_run, with_step


@tamper("a request may spend more than its run's cap")
def _over_cap(evidence: Evidence) -> Tampered | None:
    capped = ((r, evidence.expectation(r.run)) for r in evidence.requests if r.cap_left is not None)
    found = next(((r, one.cap_nano) for r, one in capped if one is not None and one.cap_nano is not None), None)
    if found is None:
        return None
    request, cap_nano = found
    requests = [replace(r, cap_left=cap_nano + 1) if r is request else r for r in evidence.requests]
    return Tampered("caps", f"{request.run}:{request.step}:{request.attempt}", replace(evidence, requests=requests))


@tamper("a call is held at more than its run's cap leaves")
def _held_over_cap(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_narrow", "failed")
    money = next((m for m in evidence.money if m.kind == "started" and m.run == run), None)
    return money and Tampered("caps", money.call, with_money(evidence, money, amount=10**9))


@tamper("a run fails for another reason in the views")
def _code(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_late", "failed")
    return run and Tampered("codes", run, with_run(evidence, run, code="poison"))


@tamper("a run fails for another reason in PostgreSQL")
def _code_in_rows(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_unheard", "failed")
    if run is None:
        return None
    rows = evidence.run_rows | {run: replace(evidence.run_rows[run], code="timeout")}
    return Tampered("codes", run, replace(evidence, run_rows=rows))


@tamper("a good record is a dead letter")
def _dead_letter(evidence: Evidence) -> Tampered | None:
    letter = DeadLetter(topic="run-events.dlq", key="a-run", reason="schema", message="wrong")
    return Tampered("dead letters", "a-run", replace(evidence, dead_letters=[*evidence.dead_letters, letter]))


@tamper("a bad record is no dead letter")
def _no_dead_letter(evidence: Evidence) -> Tampered | None:
    bad = next(iter(evidence.bad), None)
    letters = [letter for letter in evidence.dead_letters if letter.key != bad]
    return bad and Tampered("dead letters", bad, replace(evidence, dead_letters=letters))


@tamper("a canceled run goes on and succeeds")
def _uncanceled(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_busy", "canceled")
    if run is None:
        return None
    end = max(evidence.of_run[run], key=lambda one: one.offset)
    later = replace(end, kind="succeeded", step="two", offset=end.offset + 1, at_ms=end.at_ms + 1)
    ends = {"succeeded": later.offset}
    changed = with_run(evidence, run, status="succeeded", code="", ends=ends, finished_ms=later.at_ms)
    return Tampered("cancels", run, replace(changed, events=[*evidence.events, later]))


@tamper("a cancel that was taken is lost")
def _lost_cancel(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.canceled), None)
    events = [event for event in evidence.events if (event.run, event.kind) != (run, "cancel")]
    return run and Tampered("cancels", run, replace(evidence, events=events))


@tamper("a signal is taken twice")
def _signal_twice(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_signal")
    if run is None:
        return None
    first = evidence.runs[run].steps["first"].outputs
    return Tampered("signals", run, with_step(evidence, run, "second", outputs=first))


@tamper("a signal that was taken is lost")
def _lost_signal(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.signaled), None)
    events = [event for event in evidence.events if (event.run, event.kind) != (run, "signal")]
    return run and Tampered("signals", run, replace(evidence, events=events))


@tamper("two children's outputs are swapped")
def _swapped(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_family")
    ends = [event for event in evidence.of_run.get(run or "", ()) if event.kind == "child"]
    if run is None or len(ends) != 2:
        return None
    other = {id(ends[0]): ends[1].output, id(ends[1]): ends[0].output}
    events = [replace(e, output=other[id(e)]) if id(e) in other else e for e in evidence.events]
    return Tampered("families", f"{run}:{ends[0].step}", replace(evidence, events=events))


@tamper("a child's cost counts twice")
def _child_twice(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_family")
    if run is None:
        return None
    return Tampered("families", run, with_run(evidence, run, children_nano=evidence.runs[run].children_nano * 2))


@tamper("a child outlives its canceled parent")
def _orphan(evidence: Evidence) -> Tampered | None:
    for run, event in evidence.submitted.items():
        if event.workflow == "chaos_idle" and event.parent:
            return Tampered("families", run, with_run(evidence, run, status="running", ends={}))
    return None
