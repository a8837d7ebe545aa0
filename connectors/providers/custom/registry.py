"""The declared providers of a process: of installed packages, and of the user's file of tools.

It is read where tools are, also in processes that call none: so it imports no more than it must.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import ModuleType
from typing import Any

from connectors.providers.names import PROVIDER_NAMES

#: The group of entry points.
GROUP = "agentflow.providers"
ATTRIBUTE = "__agentflow_provider__"
#: Fields that a function may say it takes; all others of a request are refused.
TAKEN = (
    "system",
    "developer",
    "history",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "reasoning_effort",
    "output_schema",
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared provider. ``made_of`` is the decorated function or class.

    ``models`` has prices: US dollars per million tokens of input and of output.
    """

    name: str
    made_of: Any
    takes: tuple[str, ...]
    models: Mapping[str, tuple[Decimal, Decimal]]


class CustomProviders:
    """Declared providers by name."""

    def __init__(self) -> None:
        self._declared: dict[str, Declared] = {}

    def register(self, found: Any) -> str:
        """Register a declared object; return its name. The same object may be registered again.

        Raises ``ValueError`` when the name is taken or the declaration is not right.
        """
        one = read_declaration(found)
        there = self._declared.get(one.name)
        if one.name in PROVIDER_NAMES or (there is not None and there.made_of is not found):
            raise ValueError(f"the provider {one.name!r} exists already; choose another name")
        self._declared[one.name] = one
        return one.name

    def discard(self, name: str) -> None:
        """Remove one that may be there."""
        self._declared.pop(name, None)

    def names(self) -> frozenset[str]:
        """Return all names."""
        return frozenset(self._declared)

    def all(self) -> list[Declared]:
        """Return all, in the order of their registration."""
        return list(self._declared.values())


CUSTOM = CustomProviders()


def declared_providers(module: ModuleType) -> Iterator[Any]:
    """Yield the declared objects that a module names, each once."""
    found = {id(one): one for one in vars(module).values() if _declaration(one) is not None}
    yield from found.values()


def read_declaration(found: Any) -> Declared:
    """Return a declaration that was checked. Raises ``ValueError`` that says how to correct it."""
    given = _declaration(found)
    if given is None:
        raise ValueError("it is not declared; decorate it with agentflow.provider")
    name, takes = given.get("name"), tuple(given.get("takes", ()))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"the provider's name {name!r} is not of lower-case letters, digits, '_' and '-'; rename it")
    if unknown := [one for one in takes if one not in TAKEN]:
        raise ValueError(f"the provider {name!r} takes {unknown[0]!r}, which is none of {', '.join(TAKEN)}")
    if inspect.isclass(found) and not callable(getattr(found, "generate", None)):
        raise ValueError(f"the provider {name!r} is a class without a method 'generate'; add it")
    models = {model: _price(name, model, price) for model, price in given.get("models", {}).items()}
    return Declared(name, found, takes, models)


def _price(name: str, model: str, price: Any) -> tuple[Decimal, Decimal]:
    try:
        given, written = (Decimal(one) for one in price)
    except (TypeError, ValueError, InvalidOperation):
        given = written = Decimal("NaN")
    if not all(one.is_finite() and 0 <= one < 1_000_000 for one in (given, written)):
        said = "give two decimal texts: US dollars per million tokens of input and of output"
        raise ValueError(f"the price {price!r} of model {model!r} of provider {name!r} is none; {said}")
    return given, written


def _declaration(found: Any) -> dict[str, Any] | None:
    declaration = getattr(found, "__dict__", {}).get(ATTRIBUTE)
    return declaration if isinstance(declaration, dict) else None
