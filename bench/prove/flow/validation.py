"""Lines of the area ``flow`` for validation: streams cut at every place, the delay of windows, the time of a check."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from connectors.providers.deltas import TextDelta
from deploy.local.engines.progress import Progress
from schemas.policies.guards import GuardRule
from schemas.values.strict_schemas import misfits
from services.security.guards.checks import Told
from services.security.guards.guarded import Guards, guards_of
from services.security.guards.windows import Window

AIMS = (
    Aim("guard_stream_leaks", "streams", at_most(0), at_most(0)),
    Aim("guard_stream_held_chars", "chars", at_most(64), at_most(32)),
    Aim("guard_delta_us", "us", at_most(200), at_most(50)),
    Aim("schema_check_us", "us", at_most(200), at_most(50)),
    Aim("slow_pattern_ms", "ms", at_most(50), at_most(10)),
)
WORDS = ["straße", "bad word", "password"]
TEXT = "Before it stands what may be read, and a bad word ends it. Nobody reads this. " * 3
GOOD = "A badword is no word, and the Straßenbahn is none. " * 40
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"lines": {"type": "array", "items": {"type": "object", "required": ["price"]}}},
    "required": ["lines"],
}
ROUNDS, QUICK_ROUNDS = 2_000, 200


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Cut streams at every place, and time checks."""
    progress("validation: streams cut at every place")
    leaks, streams = asyncio.run(_leaks())
    held, delta_us = asyncio.run(_delay())
    rounds = QUICK_ROUNDS if quick else ROUNDS
    order = {"lines": [{"price": number} for number in range(20)]}
    schema_us = median(_timed(lambda: misfits(SCHEMA, order)) for _ in range(rounds)) * 1e6
    slow_ms = _timed(lambda: misfits({"pattern": "^(a+)+$"}, "a" * 10_000 + "!")) * 1e3
    return [
        line_of(AIMS, "guard_stream_leaks", leaks, f"of {streams} streams with a banned word, in every two pieces"),
        line_of(AIMS, "guard_stream_held_chars", held, f"the longest banned word has {max(map(len, WORDS))}"),
        line_of(AIMS, "guard_delta_us", delta_us, "of two guards, for each delta of one character"),
        line_of(AIMS, "schema_check_us", schema_us, "of an object with a list of 20 objects"),
        line_of(AIMS, "slow_pattern_ms", slow_ms, "of ^(a+)+$ on 10,000 characters that do not match"),
    ]


def _guards() -> Guards:
    rules = [
        GuardRule.model_validate({"id": "words", "kind": "banned_words", "words": WORDS}),
        GuardRule.model_validate({"id": "length", "kind": "max_length", "chars": 100_000}),
    ]
    found = guards_of(rules, "flow", "node", "policy", {}, "enforce")
    assert found is not None
    return found


async def _stream(guards: Guards, pieces: Sequence[str]) -> tuple[Window, str]:
    got: list[str] = []

    async def listener(delta: Any) -> None:
        got.append(delta.text)

    window = Window(guards, listener, Told(), [])
    for piece in pieces:
        await window(TextDelta(piece))
    if window.fault is None and await guards.fault("".join(pieces), Told(), []) is None:
        await window.end("".join(pieces))
    return window, "".join(got)


async def _leaks() -> tuple[int, int]:
    guards, allowed, leaks = _guards(), TEXT[: TEXT.index("bad word")], 0
    cuts = [[TEXT[:at], TEXT[at:]] for at in range(len(TEXT) + 1)] + [list(TEXT)]
    for pieces in cuts:
        _, got = await _stream(guards, pieces)
        leaks += not allowed.startswith(got)
    return leaks, len(cuts)


async def _delay() -> tuple[int, float]:
    guards, began = _guards(), time.perf_counter()
    window, got = await _stream(guards, list(GOOD))
    took_us = (time.perf_counter() - began) * 1e6 / len(GOOD)
    assert got == GOOD
    return window.held_most, took_us


def _timed(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
