"""A scenario: a workflow, and for each run of it what is submitted, what is done to it and what must become of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.chaos.records import Expected
from tests.chaos.scenarios.answers import echo, price, say, shown

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """What a client does to an accepted run: cancel it, or send it a signal, again and again until that is taken."""

    kind: Literal["cancel", "signal"]
    after_s: float
    name: str = ""
    value: Any = None
    key: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Made:
    """One run: ``body`` without the workflow's name."""

    inputs: Json
    expected: Expected
    more: Json = field(default_factory=dict)
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """What a run is made of: its number, its organisation and a chance of its own."""

    number: int
    org: str
    chance: random.Random

    @property
    def text(self) -> str:
        """A text that no other run has."""
        return f"Text number {self.number}. It has two sentences."


@dataclass(frozen=True, slots=True)
class Scenario:
    """``share`` is out of a hundred runs. ``fits`` says whether a run id will do, where the model's whims matter."""

    document: Json
    share: int
    make: Callable[[Case], Made]
    fits: Callable[[str], bool] = lambda _: True

    @property
    def name(self) -> str:
        """The workflow's name."""
        return str(self.document["name"])


def expect(case: Case, workflow: str, output: Any, **more: Any) -> Expected:
    """Return that a run succeeds with this output, or with one of these if it is a tuple."""
    outputs = [shown(one) for one in (output if isinstance(output, tuple) else (output,))]
    steps = {step: [shown(one) for one in values] for step, values in more.pop("steps", {}).items()}
    return Expected(workflow=workflow, org=case.org, outputs=outputs, steps=steps, **more)


def asked(text: str) -> tuple[str, int]:
    """Return the answer about a text, and what it costs."""
    answer = echo(say(text))
    return answer, price(say(text), answer)
