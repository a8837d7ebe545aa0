"""Tools and functions that the SDK's decorators declare: a plain description on the object, which is read here.

The SDK (``sdk/agentflow``) imports nothing of the application, and the application nothing of the SDK.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from connectors.tools.entries import ToolKind
from connectors.tools.registry import Registry

ATTRIBUTE = "__agentflow__"


def declaration_of(found: Any) -> dict[str, Any] | None:
    """Return what a decorator attached to this very object; a class does not inherit it."""
    declaration = getattr(found, "__dict__", {}).get(ATTRIBUTE)
    return declaration if isinstance(declaration, dict) else None


def declared_in(module: ModuleType) -> Iterator[Any]:
    """Yield the declared objects that a module names, each once."""
    seen = set()
    for found in list(vars(module).values()):
        if declaration_of(found) is not None and id(found) not in seen:
            seen.add(id(found))
            yield found


def register(registry: Registry, found: Callable[..., Any]) -> tuple[ToolKind, str]:
    """Register a declared object; return its kind and name.

    Raises ``TypeError`` for one that is unsuitable, ``ValueError`` when its name is taken.
    """
    declaration = declaration_of(found) or {}
    kind: ToolKind = "tool" if declaration["kind"] == "tool" else "function"
    decorate = registry.tool if kind == "tool" else registry.function
    decorate(declaration["name"], **declaration["options"])(found)
    return kind, declaration["name"]
