"""Answers of updates: which node's output the sender of a signal gets back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.spec.model import LoopNode, SignalNode, WorkflowSpec
from schemas.spec.references import Reference, parse_reference


@dataclass(frozen=True, slots=True)
class Answering:
    """The signal of a node, and the output that answers it: that of a node beside it."""

    name: str
    reference: Reference


def answers_of(spec: WorkflowSpec) -> dict[str, Answering]:
    """Return the answers of a workflow's signals, by node; ``loop/node`` inside of a loop."""
    return dict(_answers(spec))


def answering_step(answers: Mapping[str, Answering], step_id: str) -> tuple[Answering, str] | None:
    """Return the answer of the step that got an update, and the step that gives it; ``None`` for one without."""
    iteration, slash, node = step_id.rpartition("/")
    loop = iteration.partition("~")[0]
    found = answers.get(f"{loop}/{node}" if slash else node)
    return None if found is None else (found, f"{iteration}{slash}{found.reference.node}")


def _answers(spec: WorkflowSpec) -> Iterator[tuple[str, Answering]]:
    for node in spec.dag.nodes:
        inner = [(f"{node.id}/{one.id}", one) for one in node.config.body] if isinstance(node, LoopNode) else []
        for path, one in [(node.id, node), *inner]:
            if isinstance(one, SignalNode) and one.config.answer is not None:
                reference = parse_reference(one.config.answer)
                if reference is not None:
                    yield path, Answering(one.config.name, reference)
