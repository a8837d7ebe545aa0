"""On what a step waits: every kind there is, in one place.

The fold says it in a short text (``Step.waiting_for``): a word of the table below and what it names, as ``signal
approve``. Workers that give an attempt back say it the same way, or in a sentence. Whoever adds a wait adds its word
here; what no row fits is of the kind ``other``, and its text is shown as it is. What is not in any text (the steps
before, a place in a lane, who works on it) is found when somebody asks, see ``services.runs.explain_waiting``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WaitKind = Literal[
    "admission",  # the run: its organisation or workflow has no free place
    "rate",  # the run: as many of its key have started as may in a period
    "debounce",  # the run: a later one of its key may come and take its place
    "dependency",  # steps before it that have not settled, or its own children or parts
    "concurrency",  # a free place within its run or its map
    "lane",  # a worker that takes its request
    "claim",  # the worker that works on it
    "timer",  # a point in time, by a node of type wait
    "retry",  # the time of its next attempt
    "signal",  # an event from outside
    "approval",  # a person's answer to what a policy asks
    "child",  # another run
    "quota",  # the provider's limit
    "budget",  # money
    "batch",  # calls that its provider makes within a day
    "service",  # a server of ours that does not answer
    "other",
]


@dataclass(frozen=True)
class Wait:
    """On what a step waits. ``on`` names it, ``until_ms`` is when it ends at the latest, ``detail`` is a sentence."""

    kind: WaitKind
    on: str = ""
    until_ms: int | None = None
    detail: str = ""


#: The first word of a text, and what it means. The rest of the text is what it names.
WORDS: Mapping[str, WaitKind] = {
    "timer": "timer",
    "retry": "retry",
    "signal": "signal",
    "approval": "approval",
    "child": "child",
    "slot": "concurrency",
    "max_parallel": "concurrency",
    "step": "dependency",
    "iteration": "dependency",
    "admission": "admission",
    "budget": "budget",
    "quota": "quota",
    "batch": "batch",
}
#: Sentences of workers: what each means, and what it names.
_SENTENCES: tuple[tuple[re.Pattern[str], WaitKind], ...] = (
    (re.compile(r"worker (?P<on>\S+) has this attempt"), "claim"),
    (re.compile(r"(?P<on>redis|kafka|postgres|clickhouse|objects|nats)(?:: | unavailable)"), "service"),
    (re.compile(r"(?P<on>)(?=.*\brate\b.*\blimit|.*\bquota\b)"), "quota"),
)


def read_wait(text: str, until_ms: int | None = None, failed_with: str | None = None) -> Wait:
    """Return what the text of a waiting step means. ``failed_with`` is the error of its last attempt."""
    word, _, rest = text.partition(" ")
    kind = WORDS.get(word.rstrip(":"))
    if kind == "retry":
        return Wait(kind, rest, until_ms, failed_with or "the last attempt failed")
    if kind is not None:
        return Wait(kind, rest, until_ms, text)
    for pattern, known in _SENTENCES:
        match = pattern.match(text)
        if match is not None:
            return Wait(known, match["on"], until_ms, text)
    return Wait("other", "", until_ms, text)
