"""Tools, functions and providers of other installed packages, found by the entry points that those declare::

    [project.entry-points."agentflow.tools"]
    "weather.today" = "my_package.weather:today"

    [project.entry-points."agentflow.functions"]
    word_count = "my_package.words:word_count"

    [project.entry-points."agentflow.providers"]
    parrot = "my_package.parrot"

What is named is registered under the entry point's name. A function that its own decorator has named keeps that name,
and of a whole module everything that a decorator has declared is registered.

One that cannot be loaded is left out, said in the log and in ``Registry.problems``, and takes nothing else with it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType
from typing import Any

from connectors.providers.custom.registry import CUSTOM, declared_providers
from connectors.providers.custom.registry import GROUP as PROVIDERS
from connectors.tools.declared import declaration_of, declared_in, register
from connectors.tools.entries import ToolKind, make_entry
from connectors.tools.isolation.raised import described
from connectors.tools.registry import REGISTRY, Registry

log = logging.getLogger(__name__)

GROUPS: Mapping[str, ToolKind] = MappingProxyType({"agentflow.tools": "tool", "agentflow.functions": "function"})

Find = Callable[[str], Iterable[EntryPoint]]


def installed(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group in this environment, in an order that does not depend on the disk's."""
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def load_entry_points(registry: Registry = REGISTRY, find: Find = installed) -> list[str]:
    """Register the tools of installed packages; return the problems. A second call changes nothing."""
    registry.problems.clear()
    for group, kind in GROUPS.items():
        for point in find(group):
            _load(registry, f"the {kind}", point, partial(_register, registry, kind, point.name))
    for point in find(PROVIDERS):
        _load(registry, "the provider", point, _register_providers)
    return registry.problems


def _load(registry: Registry, what: str, point: EntryPoint, take: Callable[[Any], object]) -> None:
    package = point.dist.name if point.dist is not None else "an unnamed package"
    try:
        take(point.load())
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - a module may do anything when it is imported
        problem = (
            f"{what} {point.name!r} of {package} ({point.value}) was not loaded: {described(exc)}; "
            "fix or uninstall that package"
        )
        registry.problems.append(problem)
        log.error("%s", problem, extra={"action": "entry_point_broken"})  # noqa: TRY400 - it names the cause


def _register_providers(found: Any) -> None:
    for one in declared_providers(found) if isinstance(found, ModuleType) else [found]:
        CUSTOM.register(one)


def _register(registry: Registry, kind: ToolKind, name: str, found: Any) -> None:
    for one in declared_in(found) if isinstance(found, ModuleType) else [found]:
        _register_one(registry, kind, name, one)


def _register_one(registry: Registry, kind: ToolKind, name: str, found: Any) -> None:
    declaration = declaration_of(found)
    if any(entry.make is found for entry in registry.entries(declaration["kind"] if declaration else kind)):
        return
    if declaration is not None:
        register(registry, found)
        return
    if not callable(found):
        raise TypeError(f"it is a {type(found).__name__}, which cannot be called")
    registry.add(make_entry(kind, name, found))
