"""Chains: a linear stretch of steps on one lane travels as one request, and its worker goes on by itself.

The fold hands out what may follow as ``continuation``: arguments that are bound as far as they can be. The worker
binds the rest when it has the output, by the very rules that the fold binds by, and the fold compares (``args_hash``).

A chained step is open in the state from the result before it, as if it had been asked for. The
invariant: **for every open attempt there is a request in the log, not yet acked, that names or carries it, or an event
not yet folded that ends it or gives it back.** So

- a worker acks a request only when the last result of its chain is in the log, or an event that says where it stops;
- a worker says ``continues`` only while it holds the request, and goes on; in all other cases it says ``returned``;
- what was given back after somebody else had recorded the step, and perhaps died going on, the fold asks for
  (``events.results``). A request too many meets its claim; one too few would be a run that never ends.
"""

import copy
from collections.abc import Iterable
from hashlib import blake2b

import msgspec
import orjson
from msgspec import structs

from schemas.labels.mapped import Labels
from schemas.payload import PathPart, Payload, walk
from schemas.payload import Reference as Stored
from schemas.records.base import Json
from schemas.records.steps import ChainedStep, Link, OutputLink, StepRequest
from schemas.spec.references import Reference
from streams.core.runs.labels.requests import filled, given_by, of_chained, of_next
from streams.core.runs.plan.arguments import (
    BindingError,
    DictOf,
    ListOf,
    OutputOf,
    Scope,
    Value,
    bind,
    find,
    place,
)
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.arms import asked
from streams.core.runs.requests.sizes import OUTPUT_LIMIT, RECORD_LIMIT, check_request, payload_size, request_size
from streams.core.runs.state.reader import RunReader

#: All of a chain is read again after a crash, and holds back the watermark of its partition.
MAX_CHAINED_STEPS = 15
#: It tells accidents apart, not enemies.
HASH_BYTES = 12

_GOES_ON = b'"chain":"continues"'

_ENCODER = msgspec.json.Encoder(order="sorted")
_PAYLOAD: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(Payload)


def goes_on(value: bytes | None) -> bool:
    """Return whether an encoded result may say that its worker goes on with the next step.

    For those who may wait a moment and lose nothing: a text that happens to look like it is taken for it.
    """
    return value is not None and _GOES_ON in value


def chained_after(run: RunReader, node: PlanNode, scope: Scope, used: int) -> list[ChainedStep]:
    """Return what may be chained to a first request for ``node`` that has ``used`` bytes by itself.

    A run with a budget of its own is chained only where nothing beside the chain can spend from it.
    """
    if run.header.budget_nano is not None and not node.alone:
        return []
    chained: list[ChainedStep] = []
    inside = {node.id}
    while node.next is not None and len(chained) < MAX_CHAINED_STEPS:
        node = run.plan.nodes[node.next]
        if run.step(node.id) is not None:
            # Its first attempt is used up, see ``events.results.never_asked``.
            break
        try:
            step = _chain(run, node, scope, inside)
        except BindingError:
            # It fails its step, at its time.
            break
        used += request_size(step.args, step.links, {}, step.work)
        if used > RECORD_LIMIT:
            break
        chained.append(step)
        inside.add(node.id)
    return chained


def next_request(request: StepRequest, output: Payload, cost_nano: int, now_ms: int) -> StepRequest | None:
    """Return the request of the first chained step, after ``request`` gave ``output`` at ``cost_nano``.

    It is what the fold would ask for. ``None`` when nothing is chained, and when the step's arguments cannot be bound
    or are too large, which the fold finds as well.
    """
    if not request.continuation or payload_size(output) > OUTPUT_LIMIT:
        return None
    chained = _filled(request.continuation, request.step_id, output, given_by(request, output))
    if not chained:
        return None
    step, *rest = chained
    try:
        check_request(step.node_id, step.args, step.links, request.tags, step.work)
    except BindingError:
        return None
    left = request.run_budget_nano
    return structs.replace(
        request,
        step_id=step.node_id,
        node_id=step.node_id,
        attempt=1,
        deferral=0,
        work=step.work,
        args=step.args,
        links=step.links,
        timeout_ms=step.timeout_ms,
        sla_ms=step.sla_ms,
        on_unknown=step.on_unknown,
        idempotency=step.idempotency,
        retry_on=step.retry_on,
        run_budget_nano=None if left is None else max(0, left - cost_nano),
        requested_at_ms=now_ms,
        continuation=rest,
        args_hash=args_hash(step.args, step.links),
        security=of_next(request, step),
        wants=step.wants,
    )


def args_hash(args: dict[str, Json], links: Iterable[Link]) -> str:
    """Return what names a step's arguments, whatever the order of their links."""
    linked = sorted(map(_ENCODER.encode, links))
    said = orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
    return blake2b(b"\n".join([said, *linked]), digest_size=HASH_BYTES).hexdigest()


def _chain(run: RunReader, node: PlanNode, scope: Scope, inside: set[str]) -> ChainedStep:
    links: list[Link] = []
    outputs: list[OutputLink] = []
    args = {name: _bind_rest(value, scope, inside, [name], links, outputs) for name, value in node.args}
    work = asked(run, node)
    return ChainedStep(
        node_id=node.id,
        work=work,
        args=args,
        links=links,
        outputs=outputs,
        timeout_ms=node.policy.timeout_ms,
        sla_ms=node.policy.sla_ms,
        on_unknown=node.policy.on_unknown,
        idempotency=node.policy.idempotency,
        retry_on=node.policy.retries.retry_on,
        security=None if run.security is None else of_chained(run, run.security, node, work, inside),
        wants=list(node.wants) if run.header.subject else [],
    )


def _bind_rest(
    value: Value, scope: Scope, inside: set[str], at: list[PathPart], links: list[Link], outputs: list[OutputLink]
) -> Json:
    """Bind a value but for outputs of the chain's own steps, which leave ``None`` and a place in ``outputs``."""
    match value:
        case OutputOf(reference) if reference.node in inside:
            outputs.append(OutputLink(at=at, node=reference.node, path=list(reference.path)))
            return None
        case ListOf(items):
            return [_bind_rest(item, scope, inside, [*at, i], links, outputs) for i, item in enumerate(items)]
        case DictOf(entries):
            return {name: _bind_rest(item, scope, inside, [*at, name], links, outputs) for name, item in entries}
        case _:
            return bind(value, scope, at, links)


def _filled(chained: list[ChainedStep], node_id: str, output: Payload, labels: Labels | None) -> list[ChainedStep]:
    """Return the chained steps with the output of a step filled in, up to the first that it does not fit."""
    if labels is not None and isinstance(output, Stored):
        # What is stored travels with its labels; what is in the record is taken apart, and they with it.
        output = structs.replace(output, labels=labels.recorded)
    said = _ENCODER.encode(output)
    filled: list[ChainedStep] = []
    for step in chained:
        try:
            filled.append(_fill(step, node_id, said, labels))
        except BindingError:
            break
    return filled


def _fill(step: ChainedStep, node_id: str, said: bytes, labels: Labels | None) -> ChainedStep:
    mine = [link for link in step.outputs if link.node == node_id]
    if not mine:
        return step
    # Every chained step has values of its own, as if read from the log: a step may change its arguments while it works.
    own = _PAYLOAD.decode(said)
    args, links = copy.deepcopy(step.args), list(step.links)
    for link in mine:
        datum = find(own, Reference(link.node, tuple(link.path)))
        walk(args, link.at[:-1])[link.at[-1]] = place(datum, link.at, links)
    rest = [link for link in step.outputs if link.node != node_id]
    return structs.replace(step, args=args, links=links, outputs=rest, security=filled(step, mine, labels))
