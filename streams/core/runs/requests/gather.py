"""Outputs of a mapped node that together are too large for a request become one stored list first.

The fold has no I/O, so workers do it, as steps like others: ``<node>/gather[k]`` makes a list of a page of the
outputs, and ``<node>/gather`` one list of all pages when there are several. What it gives is the node's output. Both
call the pure function ``gather_lists``, so a crash costs nothing but the repeat.

It is done only for a node whose output some other node takes as a whole, or another run that waits for it. One that
maps over it, or names one of its items, finds that in the state; a run's own output is shown from its steps.
"""

from collections.abc import Iterator, Sequence

from schemas.payload import Payload, Reference
from schemas.records.base import Json
from schemas.records.steps import FunctionCall, Link
from streams.core.runs.plan.arguments import of_payload, place
from streams.core.runs.requests.sizes import KIB, payload_size
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader, outputs_of

WORK = FunctionCall(name="gather_lists")
#: What a worker may take for one page. A node's own ``timeout_ms`` is meant for its children.
TIMEOUT_MS = 300_000
#: Up to this the outputs travel in the requests that need them; several such lists fit one request.
INSIDE_LIMIT = 128 * KIB
#: The outputs in one page's request; one output has at most 512 KiB inside its record.
PAGE_LIMIT = 384 * KIB
#: A step that took more could not hold its arguments in memory; its request is refused as ``too_large``.
MAX_TOGETHER = 64 * KIB * KIB
#: A link's own part of a request.
_LINK_SIZE = 200


def pages_of(outputs: Sequence[Payload], *, one_payload: bool = False) -> list[tuple[int, int]]:
    """Return where each page of outputs begins and ends; none if they need not, or cannot, be gathered.

    ``one_payload``: the list must become one payload, so none of it may be stored elsewhere.
    """
    sizes = [_size(output) for output in outputs]
    apart = one_payload and any(isinstance(output, Reference) for output in outputs)
    if (sum(sizes) <= INSIDE_LIMIT and not apart) or sum(map(_whole_size, outputs)) > MAX_TOGETHER:
        return []
    return list(_pages(sizes))


def page_id(node_id: str, number: int) -> str:
    """Return the step id of a page."""
    return f"{node_id}/gather[{number}]"


def join_id(node_id: str) -> str:
    """Return the step id of what makes one list of all pages."""
    return f"{node_id}/gather"


def gather_args(run: RunReader, step: Step) -> tuple[dict[str, Json], list[Link]]:
    """Return the arguments of a step that gathers, from state alone."""
    links: list[Link] = []
    first, end = step.gather or (0, 0)
    if first == end:
        pages = (run.step(page_id(step.node, number)) for number in range(run.maps[step.node].pages))
        outputs = [page.output for page in pages if page is not None and page.output is not None]
        return {"parts": [place(of_payload(o), ["parts", n], links) for n, o in enumerate(outputs)]}, links
    found = outputs_of(run, run.recorded(step.node))
    page = [place(of_payload(found[at]), ["parts", 0, at - first], links) for at in range(first, end)]
    return {"parts": [page]}, links


def _pages(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    first, size = 0, 0
    for index, needs in enumerate(sizes):
        if size + needs > PAGE_LIMIT and index > first:
            yield first, index
            first, size = index, 0
        size += needs
    yield first, len(sizes)


def _size(output: Payload) -> int:
    """Return the bytes of an output in a request, at most."""
    return payload_size(output) + (_LINK_SIZE if isinstance(output, Reference) else 1)


def _whole_size(output: Payload) -> int:
    return output.size if isinstance(output, Reference) else payload_size(output)
