"""Debug replay: a run's state at one of its steps, before the step works, with what the step was asked and answered."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.errors import NotFound, StepError
from schemas.prompts.rendering import rendered_for
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.spec_hooks import from_model
from schemas.records.steps import AgentTurn, LlmCall, StepRequest
from schemas.tables.runs import SPEC
from streams.core.replay.records import Recorded, chained
from streams.core.replay.session import Session
from streams.core.replay.state import value_of

_SHOWN_STEPS = 10


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that stopped. ``record`` is the last one that was folded, as ``offset`` and type.

    ``request`` and ``prompt`` are what the step was asked, ``outcome`` is what its attempt became, both ``None`` at the
    end. ``state`` has the entries of the run's table as JSON.
    """

    run_id: str
    status: str
    records: int
    offset: int
    record: str
    steps: list[dict[str, Any]]
    request: dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    outcome: dict[str, Any] | None = None
    state: dict[str, Any]


def stopped_at(run_id: str, records: list[Recorded], step_id: str | None = None, attempt: int | None = None) -> Stopped:
    """Fold a run up to where a step's attempt is requested (its first, without ``attempt``), or to its end.

    Raises ``NotFound`` for a step that the run never requested, with some that it did.
    """
    if not records:
        raise NotFound(f"there is no record of run {run_id}")
    session = Session(run_id, chain_steps=chained(records))
    for folded, recorded in enumerate(records, start=1):
        before = len(session.asked)
        session.feed(recorded)
        found = next((one for one in session.asked[before:] if one[0] == step_id and attempt in (None, one[1])), None)
        if found is not None:
            return _stopped(session, records, folded, session.open[found])
    if step_id is None:
        return _stopped(session, records, len(records), None)
    shown = ", ".join(list(dict.fromkeys(name for name, _ in session.asked))[:_SHOWN_STEPS]) or "none"
    which = step_id if attempt is None else f"{step_id}, attempt {attempt}"
    raise NotFound(f"run {run_id} never asked a worker for {which}; it asked for: {shown}")


def _stopped(session: Session, records: list[Recorded], folded: int, request: StepRequest | None) -> Stopped:
    last = records[folded - 1]
    return Stopped(
        run_id=session.run_id,
        status="unknown" if session.view is None else session.view.status,
        records=folded,
        offset=last.offset,
        record=str(last.event.type),
        steps=[_step(session, name) for name in session.steps],
        request=None if request is None else _request(request),
        prompt=None if request is None else _prompt(request),
        outcome=None if request is None else _outcome(records[folded:], request),
        state=entries(session),
    )


def entries(session: Session) -> dict[str, Any]:
    """Return the entries of the run's entity as JSON; of a plan only its hash, for the rest of it is compiled."""
    state = session.state
    return {name: _plain(name, state.get(session.run_id, name)) for name in sorted(state.fields(session.run_id))}


def _plain(name: str, value: Any) -> Any:
    return value.resolved.hash if name == SPEC else msgspec.to_builtins(value, enc_hook=from_model, str_keys=True)


def _step(session: Session, name: str) -> dict[str, Any]:
    view = session.steps[name]
    shown: dict[str, Any] = {"id": name, "status": view.state, "attempts": view.attempt, "cost_nano": view.cost_nano}
    if view.output is not None:
        shown["output"] = value_of(view.output)
    if view.error is not None:
        shown["error"] = {"code": view.error.code, "message": view.error.message}
    if view.waiting_for is not None:
        shown["waiting_for"] = view.waiting_for
    return shown | {"changed_at": session.versions[name]}


def _request(request: StepRequest) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(request, enc_hook=from_model)
    return {name: shown[name] for name in ("step_id", "attempt", "tier", "work", "args", "links") if name in shown}


def _prompt(request: StepRequest) -> dict[str, Any] | None:
    work = request.work.call if isinstance(request.work, AgentTurn) else request.work
    if not isinstance(work, LlmCall) or request.links or work.images:
        return None
    try:
        said = rendered_for(f"{work.prompt_name}@{work.prompt_version}", work.template, work.form, request.args)
    except StepError as exc:
        return {"error": {"code": exc.code, "message": str(exc)}}
    shown: Mapping[str, Any] = {
        "system": "\n\n".join(filter(None, (work.system, said.system))),
        "developer": said.developer,
        "history": [list(one) for one in said.history],
        "prompt": said.prompt,
    }
    return {name: value for name, value in shown.items() if value}


def _outcome(later: list[Recorded], request: StepRequest) -> dict[str, Any] | None:
    for recorded in later:
        event = recorded.event
        if not isinstance(event, StepSucceeded | StepFailed):
            continue
        if (event.step_id, event.attempt) == (request.step_id, request.attempt):
            return _result(event) | {"offset": recorded.offset, "cost_nano": event.cost_nano}
    return None


def _result(event: StepSucceeded | StepFailed) -> dict[str, Any]:
    if isinstance(event, StepFailed):
        return {"error": {"code": event.error.code, "message": event.error.message}}
    return {"output": value_of(event.output)}
