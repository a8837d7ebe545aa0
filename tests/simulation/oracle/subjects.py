"""Data of persons: it is nowhere in clear but where a worker wrote it, and an erased run ends like any other."""

from collections.abc import Iterator
from typing import Any

from schemas.privacy.sealed import is_sealed, place_of
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import SUBJECT_ERASED, UNSEALED_OUTCOME
from tests.simulation.oracle.history import History
from tests.simulation.world.subjects import CLEAR, encoded
from tests.simulation.world.worker import LANE
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode

TOPICS = (catalogue.RUN_EVENTS, catalogue.RUN_VIEWS, catalogue.COST_EVENTS, LANE)
#: Kinds of nodes whose outputs are a person's.
_OF_PERSONS = ("function", "workflow", "loop")


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with runs of data subjects."""
    if not world.sealed:
        return
    yield from _in_clear(world)
    for topic in TOPICS:
        for record in world.log.everything(topic):
            yield from _of_record(history, decode(topic, record.value))
    yield from _errors(world, history)


def _in_clear(world: World) -> Iterator[str]:
    """What a worker wrote in clear is in its own record and nowhere else."""
    places = []
    for topic in world.tables:
        for partition in range(world.partitions):
            places.append((f"table {topic}", repr(world.tables[topic].contents(partition))))
            places.append((f"checkpoint of {topic}", repr(world.checkpoints[topic].records(partition))))
    for topic in TOPICS:
        places += [
            (f"{topic}@{record.offset}", repr(record.value))
            for record in world.log.everything(topic)
            if not isinstance(decode(topic, record.value), StepSucceeded | StepFailed)
        ]
    for place, text in places:
        if any(repr(one)[2:-1] in text for one in encoded(CLEAR)):
            yield f"{place} has a person's data in clear"


def _of_record(history: History, record: Any) -> Iterator[str]:
    """Every record of a person's run names the person, and has outputs under that person's key alone."""
    subject = _subject_of(history, getattr(record, "run_id", ""))
    if isinstance(record, RunSubmitted) and record.parent is not None:
        expected = _subject_of(history, record.parent.run_id)
        if record.subject != expected:
            yield f"{record.run_id} is of {record.subject!r}, and the run that started it of {expected!r}"
    if isinstance(record, StepRequest) and record.subject != subject:
        yield f"{record.run_id}:{record.step_id} was requested for {record.subject!r}, not {subject!r}"
    if isinstance(record, RunView):
        yield from _of_view(history, record, subject)


def _of_view(history: History, view: RunView, subject: str) -> Iterator[str]:
    nodes = {name: node.type for name, node in history.stories[view.run_id].every.items()}
    for step in view.steps:
        if step.output is None or nodes.get(step.node_id) not in _OF_PERSONS:
            continue
        if not is_sealed(step.output) or place_of(step.output).subject != subject:  # type: ignore[arg-type]
            yield f"{view.run_id}:{step.step_id} has an output that is not sealed for {subject}"


def _subject_of(history: History, run_id: str) -> str:
    """Return the person of a run: of one that another run started, the other's."""
    story = history.stories.get(run_id)
    if story is None:
        return ""
    return story.run.subject if story.run.parent is None else _subject_of(history, story.run.parent.run_id)


def _errors(world: World, history: History) -> Iterator[str]:
    """Errors of sealing and of erasures are only where somebody erred, or was erased; conditions could be answered."""
    for story in history.stories.values():
        subject = _subject_of(history, story.id)
        for step_id, moments in story.steps.items():
            error = moments[-1].view.error
            code = "" if error is None else error.code
            erred = error is not None and (story.id, error.step_id or step_id) in world.persons.erring
            if code == UNSEALED_OUTCOME and not erred:
                yield f"{story.id}:{step_id} was refused, and its worker had sealed it"
            if code == SUBJECT_ERASED and subject not in world.persons.erased:
                yield f"{story.id}:{step_id} says that {subject} was erased"
            if code == "condition_unreadable":
                yield f"{story.id}:{step_id} could not be decided"
