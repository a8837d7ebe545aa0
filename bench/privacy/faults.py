"""Faults of detectors and of the vault, at every place where texts are redacted: what leaves all the same.

Each case has a planted value. It passes if the value is in what the place lets out; a refusal has none of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.providers.deltas import TextDelta
from schemas.errors import AgentFlowError, StepError
from schemas.policies.read import read_policy
from schemas.privacy.document import Privacy
from schemas.privacy.findings import Finding, Found
from schemas.records.base import Usage
from schemas.records.security.pinned import RunSecurity
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.calls.security.private_stream import PrivateStream
from services.privacy.redact.ports import Detecting
from services.privacy.redact.redactor import Of, Redactor
from services.privacy.redact.redactors import Redactors
from services.privacy.redact.standard import NoVault, detectors_of
from services.privacy.vault.memory import memory_vault
from services.security.policies.inputs import Entry, entered

MAIL = "ann.larkin@acme-mills.org"
TEXT = f"please write to {MAIL} today. "
SECTION = {
    "redact": [{"id": "all", "kinds": ["email"], "action": "token", "at": ["log", "provider", "trace", "cache"]}],
    "limits": {"text_chars": 4_096, "depth": 8},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault at a place, and whether the planted value left."""

    fault: str
    place: str
    passed: bool
    refused: bool


class Broken:
    """Detectors that raise."""

    is_slow = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Raise."""
        raise self._error

    def find_in(self, value: Any) -> list[Found]:
        """Raise."""
        raise self._error


def _deep(value: Any) -> Any:
    for _ in range(20):
        value = [value]
    return value


def _redactors() -> Mapping[str, tuple[Redactors, Any]]:
    """Return redactors with each fault, and the value that they get."""
    whole, down = memory_vault(), memory_vault()
    down.store.down = True

    def broken(error: Exception) -> Callable[[Privacy], Detecting]:
        return lambda _: Broken(error)

    return {
        "none": (Redactors(detectors_of, whole.tokens, whole.keys), TEXT),
        "detector crashes": (Redactors(broken(RuntimeError(TEXT)), whole.tokens, whole.keys), TEXT),
        "detector refuses": (Redactors(broken(StepError("privacy_failed", "no")), whole.tokens, whole.keys), TEXT),
        "vault down": (Redactors(detectors_of, down.tokens, down.keys), TEXT),
        "no vault": (Redactors(detectors_of, NoVault(), NoVault()), TEXT),
        "too large": (Redactors(detectors_of, whole.tokens, whole.keys), "x" * 5_000 + TEXT),
        "too deep": (Redactors(detectors_of, whole.tokens, whole.keys), _deep(TEXT)),
    }


async def cases() -> list[Case]:
    """Return what became of every fault at every place; the fault ``none`` is the control."""
    policy, found = read_policy({"name": "private", "privacy": SECTION}), []
    for fault, (redactors, value) in _redactors().items():
        redactor = redactors.of(policy, policy.hash, "enforce", "flow", "node")
        assert redactor is not None
        for place, leave in _PLACES.items():
            if place == "stream" and fault == "too deep":
                continue
            out, refused = "", False
            try:
                out = repr(await leave(redactor, value))
            except AgentFlowError as exc:
                out, refused = str(exc), True
            found.append(Case(fault, place, MAIL in out, refused))
    return found


async def _entered(redactor: Redactor, value: Any) -> Any:
    entry = Entry(Of("acme", "run"), "flow", {"text": value}, {}, "hash")
    return (await entered(redactor, entry, RunSecurity())).inputs


def _at(where: Any) -> Callable[[Redactor, Any], Awaitable[Any]]:
    async def leave(redactor: Redactor, value: Any) -> Any:
        private = Private(redactor, Of("acme", "run"), WallClock())
        return (await private.at(where, {"text": value}, Ledger(), point="output")).value

    return leave


async def _captured(redactor: Redactor, value: Any) -> Any:
    return await Private(redactor, Of("acme", "run"), WallClock()).captured({"text": value}, Ledger())


async def _kept(redactor: Redactor, value: Any) -> Any:
    private = Private(redactor, Of("acme", "run"), WallClock())
    response = ModelResponse(value if isinstance(value, str) else "", Usage(), opaque={"thought": value})
    return await private.response(response, "cache", Ledger())


async def _streamed(redactor: Redactor, value: str) -> Any:
    got: list[Any] = []

    async def listener(delta: Any) -> None:
        got.append(delta)

    stream = PrivateStream(Private(redactor, Of("acme", "run"), WallClock()), listener)
    for start in range(0, len(value), 7):
        await stream(TextDelta(value[start : start + 7]))
    await stream.end()
    return "".join(one.text for one in got)


_PLACES: Mapping[str, Callable[[Redactor, Any], Awaitable[Any]]] = {
    "input": _entered,
    "log": _at("log"),
    "provider": _at("provider"),
    "trace": _captured,
    "cache": _kept,
    "stream": _streamed,
}
