"""What a tool promises of its effect on the world, and what it can say of a call whose outcome is unknown.

A worker that dies in a call leaves nobody who knows whether the call was made. A tool that can look it up says so with
a ``reconcile`` hook, which gets the context of that very call (so the same idempotency key) and its arguments.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from connectors.tools.context import ToolContext


@dataclass(frozen=True, slots=True)
class Done:
    """The call was made; ``output`` is what it gave, and it is not called again."""

    output: Any = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """The call had no effect: it is safe to call."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say; ``reason`` is for people."""

    reason: str = ""


Reconciled = Done | NotDone | Unknown
Reconcile = Callable[[ToolContext, dict[str, Any]], Awaitable[Reconciled]]
"""Looks a call up. It must not have effects of its own; it may raise ``StepError`` or ``Unavailable``."""
