"""Scopes of API keys: what a key is limited to, beyond its permissions.

``workflow:<pattern>`` names workflows and their runs, ``prompt:<pattern>`` prompts, ``gateway`` the calls of models
that are made without a workflow, which no route makes yet. ``*`` in a pattern stands for any text. No scopes at all
limit nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ScopeKind = Literal["workflow", "prompt", "gateway"]
SCOPE_PATTERN = r"^(?:(?:workflow|prompt):[A-Za-z0-9_.*-]{1,128}|gateway)$"
MAX_SCOPES = 50


@dataclass(frozen=True)
class Scopes:
    """The scopes of one key, as they are written."""

    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Scopes":
        """Return scopes, each once and in order."""
        return cls(tuple(sorted(set(texts))))

    @property
    def limited(self) -> bool:
        """Return whether they limit anything."""
        return bool(self.texts)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of things that they name; empty where nothing is limited."""
        return frozenset(text.partition(":")[0] for text in self.texts)

    def allow(self, kind: ScopeKind, name: str = "") -> bool:
        """Return whether a thing of this kind and name is within them."""
        return not self.texts or self._names[kind].fullmatch(name) is not None

    def like(self, kind: ScopeKind) -> tuple[str, ...] | None:
        """Return the patterns of a kind as SQL's ``LIKE`` takes them, ``None`` where nothing is limited."""
        return tuple(_like(pattern) for pattern in self._patterns(kind)) if self.texts else None

    @cached_property
    def _names(self) -> dict[str, re.Pattern[str]]:
        return {kind: _matching(self._patterns(kind)) for kind in ("workflow", "prompt", "gateway")}

    def _patterns(self, kind: str) -> list[str]:
        parts = (text.partition(":") for text in self.texts)
        return [pattern for found, _, pattern in parts if found == kind]

    def __str__(self) -> str:
        """Return them as people write them."""
        return ", ".join(self.texts) or "everything"


EVERYTHING = Scopes()


def _matching(patterns: Iterable[str]) -> re.Pattern[str]:
    one = [".*".join(re.escape(part) for part in pattern.split("*")) for pattern in patterns]
    # Without a pattern nothing matches, not even an empty name.
    return re.compile("|".join(f"(?:{text})" for text in one) if one else r"(?!)", re.DOTALL)


def _like(pattern: str) -> str:
    return pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
