"""A vault and detectors in memory, for tests of what is done with findings. Words of the values say what they are."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.errors import Unavailable
from schemas.payload import PathPart
from schemas.policies.read import read_policy
from schemas.privacy.findings import Finding, Found
from schemas.privacy.kinds import KINDS, data_class_of
from schemas.records.base import Json
from schemas.records.security.pinned import Mode
from services.privacy.redact.plan import Plan
from services.privacy.redact.redactor import Of, Redactor
from services.privacy.redact.redactors import Redactors
from services.privacy.redact.restore import Stands

TOKEN = re.compile(r"\[(?P<code>[A-Z]{3})_[0-9a-f]{12}\]")
_PATTERNS = {
    "email": (re.compile(r"[a-z]+@[a-z.]+[a-z]"), 0.95),
    "card": (re.compile(r"\b\d{16}\b"), 0.9),
    "name": (re.compile(r"\bAnn\b"), 0.4),
    "api_key": (re.compile(r"\bsk-[a-z0-9]{8,}"), 0.99),
    "injection": (re.compile(r"ignore all instructions"), 0.8),
}
OF = Of("acme", "run-1", "sub_1")


class FakeDetectors:
    """Finds a few kinds. ``fault`` is raised while it is set."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked = 0

    def find(self, text: str) -> list[Finding]:
        return [one.finding for one in self.find_in(text)]

    def find_in(self, value: Any) -> list[Found]:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return list(_found(value, ()))


class Vault:
    """Keeps values, by organisation and subject. ``down`` makes it answer nothing."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self.down = False
        self.questions: list[tuple[str, str | None, int]] = []

    async def tokens_for(self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]]) -> list[str]:
        self._answer()
        self.questions.append((org_id, subject, len(values)))
        made = []
        for kind, value in values:
            digest = hashlib.sha256(f"{org_id}|{subject}|{kind}|{value}".encode()).hexdigest()[:12]
            token = f"[{KINDS[kind].code}_{digest}]"
            self.values[org_id, token] = value
            made.append(token)
        return made

    async def values_of(self, org_id: str, tokens: Sequence[str]) -> dict[str, str | None]:
        self._answer()
        return {token: self.values.get((org_id, token)) for token in tokens}

    async def org_key(self, org_id: str) -> "Key":
        self._answer()
        return Key(org_id)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("vault", "it is down", 0.01)


class Key:
    """Names values of one organisation."""

    def __init__(self, org_id: str) -> None:
        self._org_id = org_id

    def name(self, kind: str, value: str) -> bytes:
        return hashlib.sha256(f"{self._org_id}|{kind}|{value}".encode()).digest()


def stands(text: str) -> Iterator[Stands]:
    """Return where tokens stand in a text."""
    kinds = {one.code: one.name for one in KINDS.values()}
    return (Stands(one.start(), one.end(), one[0], kinds[one["code"]]) for one in TOKEN.finditer(text))


def redactors(vault: Vault | None = None, detectors: FakeDetectors | None = None) -> Redactors:
    """Return redactors over these, or new ones."""
    vault, found = vault or Vault(), detectors or FakeDetectors()
    return Redactors(lambda _: found, vault, vault, stands)


def redactor(
    section: dict[str, Json],
    vault: Vault | None = None,
    detectors: FakeDetectors | None = None,
    *,
    mode: Mode = "enforce",
    workflow: str = "flow",
    node: str = "step",
) -> Redactor:
    """Return what redacts by a section ``privacy``."""
    policy = read_policy({"name": "private", "privacy": section})
    assert policy.privacy is not None
    vault = vault or Vault()
    plan = Plan(policy.privacy, mode, workflow, node)
    spans = lambda text: [(one.start, one.end) for one in stands(text)]  # noqa: E731 - one expression
    return Redactor(plan, detectors or FakeDetectors(), vault, vault, token_spans=spans)


def _found(value: Any, path: tuple[PathPart, ...]) -> Iterator[Found]:
    if isinstance(value, str):
        yield from (Found(path=path, finding=one) for one in _in_text(value))
    elif isinstance(value, dict):
        for key, one in value.items():
            for found in _in_text(key):
                yield Found(path=(*path, key), finding=_in_key(found))
            yield from _found(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _found(one, (*path, index))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from (Found(path=path, finding=one) for one in _in_text(str(value)))


def _in_text(text: str) -> Iterator[Finding]:
    for kind, (pattern, confidence) in _PATTERNS.items():
        for one in pattern.finditer(text):
            yield Finding(
                kind=kind,
                data_class=data_class_of(kind),
                start=one.start(),
                end=one.end(),
                confidence=confidence,
                rule=f"test/{kind}",
            )


def _in_key(one: Finding) -> Finding:
    return Finding(
        kind=one.kind,
        data_class=one.data_class,
        start=one.start,
        end=one.end,
        confidence=one.confidence,
        rule=one.rule,
        via=("key",),
    )
