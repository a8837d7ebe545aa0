"""Verified replay: a whole run folded again and done again with its recorded effects; the first mismatch is named."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.steps import AgentTurn, LlmCall, ToolCall
from streams.core.replay.digests import digests, in_order, named
from streams.core.replay.effects import Again, Bind, CallFunction, done_again, inline_args, no_functions
from streams.core.replay.records import Recorded, chained
from streams.core.replay.session import Decided, Session
from streams.core.replay.state import RunState, differences, state_of

#: ``state``: the end that history has; ``fault``: the fold raises. The others are kinds of decisions and of effects.
MismatchKind = Literal["request", "timer", "run", "other", "view", "function", "render", "answer", "state", "fault"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a record decided when it was exported: digests by kind, and the hash of the prompt that its attempt was."""

    decided: Mapping[str, str]
    rendered: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run. ``expected`` has a row for each record, of a golden file; ``end`` is the run as it was seen."""

    run_id: str
    records: list[Recorded]
    end: RunState | None = None
    expected: list[Expected] | None = None

    @property
    def chain_steps(self) -> bool:
        """Whether requests carried chained steps."""
        return chained(self.records)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where a replay first became something else. ``offset`` and ``record`` are of the log, -1 and empty at its end."""

    kind: MismatchKind
    step_id: str
    offset: int
    record: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"record {self.offset} ({self.record})" if self.offset >= 0 else "the end"
        step = f" of step {self.step_id}" if self.step_id else ""
        return f"{self.kind}{step} at {where}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Verdict:
    """What a verified replay found. ``again`` counts what was done again by part, ``taken`` what the log gave and why.

    ``recorded`` are calls of models and tools, by kind, none of which is made.
    """

    run_id: str
    records: int = 0
    mismatch: Mismatch | None = None
    again: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    recorded: Counter[str] = field(default_factory=Counter)
    compared: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether nothing became something else."""
        return self.mismatch is None


async def verify(recording: Recording, *, bind: Bind = inline_args, call: CallFunction = no_functions) -> Verdict:
    """Replay a whole run and compare: each decision and prompt with a golden file's, each function's output with the
    recorded one, each answer with its schema, and the end with the one that was seen. It stops at the first mismatch.
    """
    session = Session(recording.run_id, chain_steps=recording.chain_steps)
    verdict = Verdict(recording.run_id)
    verdict.compared = (["decisions"] if recording.expected is not None else []) + (
        ["end"] if recording.end is not None else []
    )
    for number, recorded in enumerate(recording.records):
        verdict.records += 1
        decided = session.feed(recorded)
        wanted = recording.expected[number] if recording.expected is not None else None
        for one in decided:
            verdict.mismatch = await _effects(one, wanted, verdict, bind, call)
            if verdict.mismatch is None and one.fault is not None:
                verdict.mismatch = _fault(one)
            if verdict.mismatch is not None:
                return verdict
        if wanted is not None:
            verdict.mismatch = _decisions(decided, wanted)
            if verdict.mismatch is not None:
                return verdict
    verdict.mismatch = _end(recording, session)
    return verdict


def expected_of(decided: list[Decided], again: list[Again]) -> Expected:
    """Return what a golden file keeps of a record."""
    made = digests(command for one in decided for command in one.commands)
    return Expected(made, next((one.rendered for one in again if one.rendered), ""))


async def effects_of(decided: Decided, bind: Bind, call: CallFunction) -> list[Again]:
    """Do again what the attempt did whose outcome a record is; nothing for a record that is none."""
    event = decided.recorded.event
    if decided.request is None or not isinstance(event, StepSucceeded | StepFailed):
        return []
    return await done_again(decided.request, event, bind=bind, call=call)


async def _effects(
    decided: Decided, wanted: Expected | None, verdict: Verdict, bind: Bind, call: CallFunction
) -> Mismatch | None:
    if decided.request is not None and isinstance(decided.request.work, LlmCall | AgentTurn | ToolCall):
        verdict.recorded[decided.request.work.kind] += 1
    for one in await effects_of(decided, bind, call):
        if one.taken:
            verdict.taken[f"{one.part}: {one.taken}"] += 1
            continue
        verdict.again[one.part] += 1
        if one.differs:
            return _mismatch(decided, one.part, one.expected, one.found)
        if one.part == "render" and wanted is not None and wanted.rendered not in ("", one.rendered):
            return _mismatch(decided, "render", wanted.rendered, one.rendered)
    return None


def _decisions(decided: list[Decided], wanted: Expected) -> Mismatch | None:
    found = digests(command for one in decided for command in one.commands)
    for name in in_order({*wanted.decided, *found}):
        one, other = wanted.decided.get(name, "nothing"), found.get(name, "nothing")
        if one != other:
            kind, step_id = named(name)
            return _mismatch(decided[0], kind, one, other, step_id)
    return None


def _end(recording: Recording, session: Session) -> Mismatch | None:
    if recording.end is None:
        return None
    different = differences(recording.end, state_of(session), session.versions)
    if not different:
        return None
    first = different[0]
    place = session.versions.get(first.step_id, -1)
    record = next((one for one in recording.records if one.offset == place), None)
    return Mismatch(
        "state",
        first.step_id,
        place,
        "" if record is None else _name(record),
        f"{first.field} {first.expected}",
        f"{first.field} {first.found}",
    )


def _fault(decided: Decided) -> Mismatch:
    fault = decided.fault
    return _mismatch(decided, "fault", "a decision", f"{type(fault).__name__}: {fault}"[:400])


def _mismatch(decided: Decided, kind: MismatchKind, expected: str, found: str, step_id: str = "") -> Mismatch:
    recorded = decided.recorded
    timer = getattr(recorded.event, "timer", None)
    step_id = step_id or getattr(recorded.event, "step_id", "") or getattr(timer, "step_id", "")
    return Mismatch(kind, step_id, recorded.offset, _name(recorded), expected, found)


def _name(recorded: Recorded) -> str:
    return str(recorded.event.type)
