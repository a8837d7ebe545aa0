"""Runs and the runs that they start: each child is as its parent says, ends with it, and counts once."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation, short
from tests.chaos.records import Event


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every run that another one started, and every parent."""
    found = [*_answers(evidence), *_left_behind(evidence)]
    for run in evidence.runs:
        found += _cost(evidence, run)
    return found


def _first_ends(evidence: Evidence, run: str) -> list[Event]:
    first: dict[tuple[str, int], Event] = {}
    for event in evidence.of_run.get(run, ()):
        if event.kind == "child":
            first.setdefault((event.step, event.attempt), event)
    return list(first.values())


def _last_costs(evidence: Evidence, run: str) -> dict[str, int]:
    """Return what each child said last that it had cost: it may have changed after its end."""
    reports = [event for event in evidence.of_run.get(run, ()) if event.kind == "child"]
    return {event.child: event.cost for event in sorted(reports, key=lambda event: event.version)}


def _answers(evidence: Evidence) -> Iterator[Violation]:
    for parent in evidence.runs:
        for event in _first_ends(evidence, parent):
            child = evidence.runs.get(event.child)
            subject = f"{parent}:{event.step}"
            if child is None or event.status not in child.ends:
                ends = "not there" if child is None else short(sorted(child.ends))
                yield Violation("a child's end is told as it is", subject, f"told is {event.status}, it is {ends}")
                continue
            output = None if child.output is None else list(child.output.values())
            if event.status == "succeeded" and output != [event.output]:
                text = f"told is {short(event.output)}, the child gave {short(output)}"
                yield Violation("a child's output is told as it is", subject, text)
            step = evidence.runs[parent].steps.get(event.step)
            if step is not None and step.state == "succeeded" and step.outputs != [event.output]:
                text = f"the step has {short(step.outputs)}, the child gave {short(event.output)}"
                yield Violation("a child's output is its step's", subject, text)
            told, spent = _last_costs(evidence, parent)[event.child], child.cost + child.children_nano
            if told != spent:
                yield Violation("a child's cost is told as it is", subject, f"told is {told}, it is {spent}")


def _cost(evidence: Evidence, run: str) -> Iterator[Violation]:
    told = sum(_last_costs(evidence, run).values())
    seen = evidence.runs[run]
    if seen.children_nano != told:
        text = f"it says {seen.children_nano} of its children, they said {told}"
        yield Violation("children's cost counts once", run, text)


def _left_behind(evidence: Evidence) -> Iterator[Violation]:
    for run, event in evidence.submitted.items():
        parent = evidence.runs.get(event.parent) if event.parent else None
        child = evidence.runs.get(run)
        if parent is None or child is None or event.detached or not parent.ends:
            continue
        if "succeeded" not in parent.ends and child.status not in ("canceled", "succeeded", "failed"):
            yield Violation("children end with their parent", run, f"{child.status}, its parent is {parent.status}")
