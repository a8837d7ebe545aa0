"""A node as the builder collects it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any


@dataclass
class Node:
    """One node: its config, its policy, and the fields beside them."""

    id: str
    type: str
    config: dict[str, Any]
    policy: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return the node as the workflow document has it."""
        policy = {"policy": plain(self.policy)} if self.policy else {}
        return {"id": self.id, "type": self.type, "config": plain(self.config), **policy, **self.beside}


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}


def milliseconds(seconds: float | timedelta | None, ms: int | None) -> int:
    """Return a duration that is given either way. Raises ``ValueError`` unless exactly one is."""
    if (seconds is None) == (ms is None):
        raise ValueError("give the duration as seconds= or as ms=, and not both")
    if ms is not None:
        return ms
    return round(seconds.total_seconds() * 1000 if isinstance(seconds, timedelta) else (seconds or 0) * 1000)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: amounts as texts, tuples as lists."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    return value
