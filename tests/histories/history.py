"""Golden histories: the records of real runs, and what the fold made of them when they were recorded.

A file has one JSON object a line. The first says how to fold (``chain_steps``). Then one line a record: its time
(``at_ms``, the broker's), its bytes as text (``record``), what the fold asked for (``says``, for people) and a digest
of exactly that. The last line has the states at the end: every entry's fields that are not their defaults, so that a
field that is new changes nothing in a history that does not use it.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.records.run_events import CancelRequested, ChildFinished, RunSubmitted
from schemas.records.run_views import RunView
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from schemas.records.timers import Timer
from schemas.tables.runs import SPEC
from streams.core.commands import Arm, Command, Count, Disarm, Emit, ExpireAt, Observe
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from topics.catalogue import RUN_EVENTS
from topics.codec import decode, encode

FOLDER = Path(__file__).with_name("recorded")
#: Enough to tell two digests apart, and short enough to read.
DIGITS = 16

Record = tuple[int, str]
"""A record's time in milliseconds, and its bytes as text."""


@dataclass(frozen=True)
class History:
    """A recorded history: how it is folded, its records, and the lines that are expected of them."""

    chain_steps: bool
    records: list[Record]
    expected: list[dict[str, Any]]


def read(path: Path) -> History:
    """Return the history in a file."""
    first, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    records = [(line["at_ms"], line["record"]) for line in lines if "record" in line]
    expected = [{k: v for k, v in line.items() if k not in ("at_ms", "record")} for line in lines]
    return History(first["chain_steps"], records, expected)


def write(path: Path, chain_steps: bool, records: Sequence[Record]) -> None:
    """Fold records and write them with what the fold makes of them now."""
    write_lines(path, chain_steps, records, list(fold(chain_steps, records)))


def write_lines(path: Path, chain_steps: bool, records: Sequence[Record], expected: Sequence[dict[str, Any]]) -> None:
    """Write records with what is expected of each, and of the states at the end."""
    *each, end = expected
    lines = [{"at_ms": at_ms, "record": text, **made} for (at_ms, text), made in zip(records, each, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    everything = [{"chain_steps": chain_steps}, *lines, end]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in everything), encoding="utf-8")


def fold(chain_steps: bool, records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """Fold a history; yield what each record made the fold ask for, and last the states."""
    rules, state, now_ms = RunFold(chain_steps=chain_steps), MemoryState(), 0
    for offset, (at_ms, text) in enumerate(records):
        now_ms = max(now_ms, at_ms)
        commands = rules.fold(state, decode(RUN_EVENTS, text.encode()), now_ms, offset)
        yield {"says": [say(one) for one in commands], "digest": digest(command_bytes(one) for one in commands)}
    yield {"states": {entity: _entries(state, entity) for entity in state.entities()}}


def differences(history: History) -> list[str]:
    """Return what the fold makes of a history now that it did not when it was recorded, as a readable diff."""
    now = list(fold(history.chain_steps, history.records))
    wrong: list[str] = []
    for number, (old, new) in enumerate(zip(history.expected, now, strict=True)):
        if old != new:
            record = history.records[number][1][:160] if number < len(history.records) else "the states at the end"
            wrong.append(f"record {number}: {record}")
            wrong += _diff(old, new)
    return wrong


def say(command: Command) -> str:
    """Return a command in a few words."""
    match command:
        case Emit(StepRequest() as request):
            chained = "".join(f" + {step.node_id}" for step in request.continuation)
            return f"ask for {request.step_id} attempt {request.attempt} deferral {request.deferral}{chained}"
        case Emit(RunView() as view):
            steps = ", ".join(f"{step.step_id} {step.state}" for step in view.steps)
            return f"show {view.version}: run {view.status}; {steps}"
        case Emit(TraceSpans() as spans):
            return f"span {spans.spans[0].name} {spans.spans[0].status}"
        case Emit(other):
            return _say_to_runs(other)
        case Arm(_, timer_id, due_ms):
            return f"arm {timer_id} at {due_ms}"
        case Disarm(_, timer_id):
            return f"disarm {timer_id}"
        case Count(metric, labels, amount):
            return f"count {metric} {dict(labels)} {amount}"
        case Observe(metric, value, labels):
            return f"observe {metric} {dict(labels)} {value}"
        case ExpireAt(_, at_ms):
            return f"expire at {at_ms}"
        case _:
            return repr(command)


def _say_to_runs(record: object) -> str:
    match record:
        case RunSubmitted() as child:
            return f"start run {child.run_id} for {child.submission_id}"
        case CancelRequested() as asked:
            return f"cancel run {asked.run_id}"
        case ChildFinished() as told:
            return f"tell run {told.run_id} that {told.step_id} attempt {told.attempt} {told.status}"
        case _:
            return f"emit {type(record).__name__}"


def command_bytes(command: Command) -> bytes:
    """Return what a digest covers of a command."""
    return encode(command.record) if isinstance(command, Emit) else repr(command).encode()


def digest(parts: Iterable[bytes]) -> str:
    """Return the digest of a record's commands."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:DIGITS]


def _entries(state: MemoryState, entity: str) -> dict[str, Any]:
    return {name: _plain(name, state.get(entity, name)) for name in sorted(state.fields(entity))}


def _plain(name: str, value: Any) -> Any:
    """Return an entry as JSON. Of a plan only its hash, for the rest of it is compiled."""
    if name == SPEC:
        return value.resolved.hash
    if isinstance(value, msgspec.Struct) and not isinstance(value, Timer):
        return {
            field.name: _plain(field.name, getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, tuple | list):
        return [_plain("", one) for one in value]
    return orjson.loads(orjson.dumps(value, default=msgspec.to_builtins))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _diff(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    if old.get("says") == new.get("says") and "states" not in new:
        return ["  the same in words, but other bytes: compare the records of both versions"]
    before, after = (json.dumps(one.get("says", one), indent=1, sort_keys=True).splitlines() for one in (old, new))
    return [f"  {line}" for line in difflib.unified_diff(before, after, "recorded", "now", lineterm="", n=1)]
