"""Labels of results that a run takes over from another one: they are kept, and what has none is trusted least.

What decided that a node ran, or was skipped, follows from them: from the labels of what its conditions have read.
"""

from typing import Any

from msgspec import structs

from schemas.payload import Inline, Payload
from streams.core.runs.labels.control import decided_by
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.labels.recorded import words_of
from streams.core.runs.labels.steps import least_trusted
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


def as_kept(run: RunReader, security: Pinned, step_id: str, step: Step) -> Step:
    """Return a step that is there from the beginning, with the labels that its result came with."""
    words = words_of(decided_by(run, security, step_id, step))
    return structs.replace(step, decided=words, read=words, **_output(step.output))


def _output(output: Payload | None) -> dict[str, Any]:
    if output is None or output.labels:
        return {}
    return {"value" if isinstance(output, Inline) else "stored": least_trusted(output)}
