"""What a suite of tasks is to the harness: tools, cases, environments, and the judgement of what became of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Json = dict[str, Any]


class Call(NamedTuple):
    """One call of a tool, by its name in the suite."""

    tool: str
    args: Json


@dataclass(frozen=True)
class Tool:
    """A tool as a model sees it. ``parameters`` is the JSON Schema of its arguments."""

    name: str
    summary: str
    parameters: Json


@dataclass(frozen=True)
class Case:
    """A user's task, alone or with an order of an attacker in what its tools return.

    ``order`` is a text that is in every place where the attacker's order is, empty without one. ``calls`` and
    ``answer`` are what solves the task, ``attack_calls`` and ``attack_answer`` what fulfils the order.
    """

    id: str
    prompt: str
    calls: Sequence[Call]
    answer: str
    order: str = ""
    attack_calls: Sequence[Call] = ()
    attack_answer: str = ""


class Judged(NamedTuple):
    """What the suite's own checks say: the task was done, and the attacker's aim was met."""

    utility: bool
    attack: bool


class ToolFailed(Exception):
    """A tool refused a call, as the suite's own would."""


class Suite(Protocol):
    """One suite."""

    @property
    def tools(self) -> Sequence[Tool]:
        """Its tools."""
        ...

    @property
    def cases(self) -> Sequence[str]:
        """The ids of all cases: ``<user task>``, or ``<user task>/<attacker's task>``."""
        ...

    def case(self, case_id: str) -> Case:
        """Return one case."""
        ...

    def environment(self, case_id: str) -> Any:
        """Return a new environment as the case begins with it."""
        ...

    def call(self, environment: Any, tool: str, args: Json) -> Any:
        """Call a tool; return its result as JSON. Raises ``ToolFailed``."""
        ...

    def judge(self, case_id: str, environment: Any, answer: str, calls: Sequence[Call]) -> Judged:
        """Judge an environment as it became, the last answer, and the calls that were made, in order."""
        ...
