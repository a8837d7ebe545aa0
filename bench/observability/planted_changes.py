"""Nondeterminism that is planted in rules and functions for a moment, and where a verified replay must name it."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from schemas.prompts import rendering, texts
from schemas.spec.conditions import Answer, Condition
from streams.core.replay.effects import CallFunction
from streams.core.runs.events import step_end
from streams.core.runs.requests import binding
from streams.core.runs.requests import step_request as requests

_DICE = random.Random(7)  # noqa: S311 - it decides nothing but what is planted


@dataclass(frozen=True)
class Plant:
    """A change. It shows in runs of ``workflow`` first as a mismatch of ``kind`` at a step of ``steps``."""

    name: str
    workflow: str
    kind: str
    steps: frozenset[str]
    begin: Callable[[], Any]


def changed_function(call: CallFunction) -> CallFunction:
    """Return functions of which one gives its parts in the order of a set."""

    async def other(request: Any, args: dict[str, Any]) -> Any:
        value = await call(request, args)
        return [*value[1:], *value[:1]] if request.work.name == "text_splitter" else value

    return other


@contextmanager
def _dated_prompts() -> Iterator[None]:
    """Prompts with the time in them."""
    render = texts.render_text

    def dated(*args: Any, **more: Any) -> str:
        return f"{render(*args, **more)} (at {_DICE.random()})"

    with patch.object(rendering, "render_text", dated):
        yield


@contextmanager
def _thrown_jitter() -> Iterator[None]:
    """Retries whose jitter is thrown instead of derived."""
    with patch.object(step_end, "_share", lambda *_args: _DICE.random()):
        yield


@contextmanager
def _unordered_arguments() -> Iterator[None]:
    """Lists that are bound in an order that changes."""
    bind = binding.bind_args

    def unordered(*args: Any) -> Any:
        bound, links = bind(*args)
        return {name: _turned(value) for name, value in bound.items()}, links

    with patch.object(binding, "bind_args", unordered), patch.object(requests, "bind_args", unordered):
        yield


@contextmanager
def _moody_conditions() -> Iterator[None]:
    """Conditions that hold when they should not."""
    evaluate = Condition.evaluate

    def moody(self: Condition, *args: Any) -> Answer:
        found = evaluate(self, *args)
        return Answer(not found.holds, found.note)

    with patch.object(Condition, "evaluate", moody):
        yield


def _turned(value: Any) -> Any:
    return [*value[1:], *value[:1]] if isinstance(value, list) else value


@contextmanager
def _nothing() -> Iterator[None]:
    yield


PLANTS = (
    Plant("a function that depends on the order of a set", "played_map", "function", frozenset({"split"}), _nothing),
    Plant("a prompt with the time in it", "played_map", "render", frozenset({"sum"}), _dated_prompts),
    Plant("a jitter that is thrown", "played_failure", "timer", frozenset({"get"}), _thrown_jitter),
    Plant("arguments in an order that changes", "played_children", "request", frozenset({"z"}), _unordered_arguments),
    Plant("a condition that changes its mind", "played_switch", "request", frozenset({"b", "c"}), _moody_conditions),
)
