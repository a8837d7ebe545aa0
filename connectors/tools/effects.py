"""The effects that a tool declares, and the result of looking up a call with an unknown outcome.

After a worker died in a call, nobody knows its outcome. A tool that can look it up has a ``reconcile`` hook, which gets
the context of that very call (so the same idempotency key) and its arguments.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from connectors.tools.context import ToolContext
from connectors.tools.secrets import CallSecrets


@dataclass(frozen=True, slots=True)
class Done:
    """The call was made; ``output`` is its result, and it is not called again."""

    output: Any = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """The call had no effect: it is safe to call."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The outcome stays unknown; ``reason`` is for people."""

    reason: str = ""


Reconciled = Done | NotDone | Unknown
Reconcile = Callable[[ToolContext, dict[str, Any]], Awaitable[Reconciled]]
"""Looks a call up. It must not have effects of its own; it may raise ``StepError`` or ``Unavailable``."""


def without_secrets(found: Reconciled, secrets: CallSecrets) -> Reconciled:
    """Return a result without the secrets that the hook was given."""
    match found:
        case Done(output):
            return Done(secrets.cleaned(output))
        case Unknown(reason):
            return Unknown(str(secrets.cleaned(reason)))
    return found
