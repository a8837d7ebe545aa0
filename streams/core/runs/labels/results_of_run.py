"""The labels of what a run gives: to its parent, and to its readers."""

from typing import TypeVar

from msgspec import structs

from schemas.labels.label import Label, joined
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.payload import Payload
from streams.core.runs.labels.given import outcome_of, output_of
from streams.core.runs.labels.names import end_of
from streams.core.runs.labels.recorded import words_of
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

PayloadT = TypeVar("PayloadT", bound=Payload)


def with_labels(run: RunReader, node_id: str, output: PayloadT) -> PayloadT:
    """Return a node's output, made one payload, with its labels; as it is in a run without any."""
    return output if run.security is None else structs.replace(output, labels=output_of(run, node_id).recorded)


def with_outcome(run: RunReader, step_id: str, step: Step, output: PayloadT) -> PayloadT:
    """Return what is given in place of a failed step's output, with the label of how it ended."""
    if run.security is None:
        return output
    return structs.replace(output, labels=Labels.of_whole(outcome_of(run, step_id, step)).recorded)


def answer_with_labels(run: RunReader, output: PayloadT) -> PayloadT:
    """Return what a run gives its parent, with its labels: what its last node gives, or an object of several by id."""
    if run.security is None:
        return output
    sinks = run.plan.sinks
    if len(sinks) == 1:
        return with_labels(run, sinks[0].id, output)
    places: dict[Path, Label] = {ROOT: run.security.control}
    for sink in sinks:
        places.update(output_of(run, sink.id).placed((sink.id,)))
    return structs.replace(output, labels=Labels(places).recorded)


def label_of_end(run: RunReader) -> list[str]:
    """Return the words of what decided how a run ended; none in a run without labels.

    That it succeeded says of every step that none of those that must succeed has failed.
    """
    if run.security is None:
        return []
    if run.status != "succeeded":
        return list(words_of(end_of(run, run.security)))
    steps = (outcome_of(run, step_id, step) for step_id, step in run.steps())
    return list(words_of(joined((run.security.control, *steps))))
