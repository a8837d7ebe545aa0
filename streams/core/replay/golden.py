"""Golden files: recorded runs with what the rules made of each record, which a later version must make again.

A file has one JSON object a line. The first names its run and the form's version (``golden``). Then one line a record:
``offset`` and ``at_ms`` as in ``Recorded``, ``record`` the bytes as text, ``decided`` the digests by kind, and
``rendered`` the hash of the prompt whose answer the record is. The last line, ``end``, is the run as a reader saw it.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.errors import InvalidInput, Problem, Undecodable
from streams.core.replay.digests import in_order
from streams.core.replay.effects import Bind, CallFunction, inline_args, no_functions
from streams.core.replay.records import Recorded, event_of
from streams.core.replay.session import Session
from streams.core.replay.state import RunState
from streams.core.replay.verify import Expected, Recording, effects_of, expected_of

FORM = 1


async def golden_lines(
    recording: Recording,
    texts: Iterable[str],
    *,
    bind: Bind = inline_args,
    call: CallFunction = no_functions,
) -> list[str]:
    """Return the lines of a run's golden file. ``texts`` are its records as they are in the log."""
    session = Session(recording.run_id, chain_steps=recording.chain_steps)
    lines = [_line({"golden": FORM, "run_id": recording.run_id})]
    for recorded, text in zip(recording.records, texts, strict=True):
        decided = session.feed(recorded)
        again = [part for one in decided for part in await effects_of(one, bind, call)]
        made = expected_of(decided, again)
        line = {"offset": recorded.offset, "at_ms": recorded.at_ms, "record": text, "decided": made.decided}
        lines.append(_line(line | ({"rendered": made.rendered} if made.rendered else {})))
    if recording.end is not None:
        lines.append(_line({"end": msgspec.to_builtins(recording.end)}))
    return lines


def read_golden(name: str, text: str) -> Recording:
    """Return the run of a golden file. Raises ``InvalidInput``, with the line, for a file that is none."""
    lines = text.splitlines()
    first = _object(name, 1, lines[0] if lines else "")
    if first.get("golden") != FORM:
        fix = "export one: agentctl trace replay RUN --export FILE"
        raise _wrong(name, 1, f"is no golden file of form {FORM}", fix)
    records: list[Recorded] = []
    expected: list[Expected] = []
    end: RunState | None = None
    for number, line in enumerate(lines[1:], start=2):
        found = _object(name, number, line)
        try:
            if "end" in found:
                end = msgspec.convert(found["end"], RunState)
                continue
            records.append(Recorded(found["offset"], found["at_ms"], event_of(found["record"])))
            in_order(found["decided"])
            expected.append(Expected(dict(found["decided"]), found.get("rendered", "")))
        except (KeyError, TypeError, msgspec.ValidationError, Undecodable) as exc:
            raise _wrong(name, number, f"cannot be read: {exc}", "export the run again") from exc
    return Recording(str(first.get("run_id")), records, end, expected)


def _object(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as exc:
        raise _wrong(name, number, f"is no JSON: {exc}", "export the run again") from exc
    if not isinstance(found, dict):
        raise _wrong(name, number, "is no JSON object", "export the run again")
    return found


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _wrong(name: str, number: int, what: str, fix: str) -> InvalidInput:
    return InvalidInput.of(Problem(f"{name}:{number}", what, fix))
