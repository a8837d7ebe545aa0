"""A vault and detectors in memory, for tests of what is done with findings. Words of the values say what they are."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from schemas.payload import PathPart
from schemas.policies.read import read_policy
from schemas.privacy.findings import Finding, Found
from schemas.privacy.kinds import data_class_of
from schemas.privacy.plan import Plan
from schemas.records.base import Json
from schemas.records.security.pinned import Mode
from services.privacy.redact.redactor import Of, Redactor
from services.privacy.redact.redactors import Redactors
from services.privacy.vault.memory import memory_vault

TOKEN = re.compile(r"[A-Z]{3}_[0-9A-Z]{13}")
_PATTERNS = {
    "email": (re.compile(r"[a-z]+@[a-z.]+[a-z]"), 0.95),
    "card": (re.compile(r"\b\d{16}\b"), 0.9),
    "name": (re.compile(r"\bAnn\b"), 0.4),
    "api_key": (re.compile(r"\bsk-[a-z0-9]{8,}"), 0.99),
    "injection": (re.compile(r"ignore all instructions"), 0.8),
    "injection/weak": (re.compile(r"obey me"), 0.5),
    "injection/mark": (re.compile(r"<system>"), 0.5),
}
OF = Of("acme", "run-1", "sub_1")


class FakeDetectors:
    """Finds a few kinds. ``fault`` is raised while it is set."""

    is_slow = False

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked = 0

    def find(self, text: str, above: str = "") -> list[Finding]:
        return [one.finding for one in self.find_in(text)]

    def find_in(self, value: Any) -> list[Found]:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return list(_found(value, ()))


class Vault:
    """A vault in memory that keeps what it was asked. ``down`` makes it answer nothing."""

    def __init__(self) -> None:
        self.keys, self.tokens, self.store, _ = memory_vault(cache_s=0)
        self.questions: list[tuple[str | None, str, int]] = []

    @property
    def down(self) -> bool:
        return self.store.down

    @down.setter
    def down(self, is_down: bool) -> None:
        self.store.down = is_down

    async def tokens_for(
        self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]], *, run: str = ""
    ) -> list[str]:
        self.questions.append((subject, run, len(values)))
        return await self.tokens.tokens_for(org_id, subject, values, run=run)

    async def values_of(
        self, org_id: str, tokens: Collection[str], *, subject: str | None = None
    ) -> dict[str, str | None]:
        return await self.tokens.values_of(org_id, tokens, subject=subject)


def redactors(vault: Vault | None = None, detectors: FakeDetectors | None = None) -> Redactors:
    """Return redactors over these, or new ones."""
    vault, found = vault or Vault(), detectors or FakeDetectors()
    return Redactors(lambda _: found, vault, vault.keys)


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
    return Redactor(plan, detectors or FakeDetectors(), vault, vault.keys)


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
    for rule, (pattern, confidence) in _PATTERNS.items():
        kind = rule.partition("/")[0]
        for one in pattern.finditer(text):
            yield Finding(
                kind=kind,
                data_class=data_class_of(kind),
                start=one.start(),
                end=one.end(),
                confidence=confidence,
                rule=f"test/{rule}",
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
