"""Tools and functions by name, each with an argument schema made from its type hints.

A function is pure: its result depends on its arguments only, so it is called again without harm. A tool may touch the
world: it is called under a claim and gets an idempotency key. Either is a plain or an async Python function::

    @tool("weather.today")
    async def today(context: ToolContext, *, city: str, days: int = 1) -> dict[str, str]: ...


    @function("word_count")
    def word_count(*, text: str) -> int: ...

or a class, which is made once for each configuration (``tool_config``, ``function_config``) and then called::

    @tool("weather.of")
    class Weather:
        def __init__(self, *, units: str = "metric") -> None: ...

        async def __call__(self, context: ToolContext, *, city: str) -> dict[str, str]: ...

        async def reconcile(self, context: ToolContext, args: dict[str, Any]) -> Reconciled: ...

A parameter annotated ``ToolContext`` gets the context. ``**inputs`` takes every further argument. Plain functions run
in threads; one that takes no more than about a millisecond may say ``blocking=False`` and runs in the event loop.
Other packages register theirs by an entry point, see ``connectors.tools.entry_points``.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from cachetools import LRUCache

from connectors.tools.context import ToolContext
from connectors.tools.effects import Reconcile, Reconciled, Unknown
from connectors.tools.entries import Entry, ToolKind, check_arguments, check_config, make_entry
from connectors.tools.thread_pool import Threads
from schemas.errors import StepError
from schemas.ids import canonical_hash

_F = TypeVar("_F", bound=Callable[..., Any])
_Key = tuple[ToolKind, str]

#: Cached instances of classes, one per configuration. A process meets as many as its workflows name.
MAX_INSTANCES = 256


class Registry:
    """The tools and functions of one process. ``problems`` list what could not be loaded, and why."""

    def __init__(self) -> None:
        self._entries: dict[_Key, Entry] = {}
        self._quick: dict[_Key, bool] = {}
        self._instances: LRUCache[tuple[ToolKind, str, str], Any] = LRUCache(MAX_INSTANCES)
        self._threads = Threads()
        self.problems: list[str] = []

    def tool(self, name: str, *, blocking: bool = True, reconcile: Reconcile | None = None) -> Callable[[_F], _F]:
        """Register a tool under a name. ``reconcile`` looks up a call of it, see ``connectors.tools.effects``."""
        return self._decorator("tool", name, blocking, reconcile)

    def function(self, name: str, *, blocking: bool = True) -> Callable[[_F], _F]:
        """Register a pure function under a name."""
        return self._decorator("function", name, blocking, None)

    def add(self, entry: Entry) -> None:
        """Register an entry. Raises ``ValueError`` if its name is taken."""
        key = (entry.kind, entry.name)
        there = self._entries.get(key)
        if there is not None:
            raise ValueError(
                f"{entry.kind} {entry.name!r} is registered twice: by {there.origin} and by {entry.origin}; "
                "give one of them another name"
            )
        self._entries[key] = entry
        self._quick.pop(key, None)

    def discard(self, kind: ToolKind, name: str) -> Entry:
        """Take an entry out and return it. Raises ``KeyError``."""
        entry = self._entries.pop((kind, name))
        self._quick.pop((kind, name), None)
        for key in [key for key in self._instances if key[:2] == (kind, name)]:
            del self._instances[key]
        return entry

    def names(self, kind: ToolKind) -> frozenset[str]:
        """Return the names of all tools or all functions."""
        return frozenset(name for entry_kind, name in self._entries if entry_kind == kind)

    def entries(self, kind: ToolKind | None = None) -> list[Entry]:
        """Return the entries, by kind and name."""
        return [self._entries[key] for key in sorted(self._entries) if kind in (None, key[0])]

    def get(self, kind: ToolKind, name: str) -> Entry:
        """Return an entry. Raises a final ``StepError`` that names the known ones."""
        entry = self._entries.get((kind, name))
        if entry is None:
            known = ", ".join(sorted(self.names(kind))) or "none"
            missed = "".join(f"; not loaded: {problem}" for problem in self.problems)
            raise StepError(
                f"unknown_{kind}",
                f"this worker has no {kind} {name!r} (it has: {known}); "
                f"register it with @{kind}({name!r}) in a module that every worker imports{missed}",
            )
        return entry

    def is_quick(self, kind: ToolKind, name: str) -> bool:
        """Return true if a call of it waits for nothing, so that it needs neither a slot nor a time limit."""
        known = self._quick.get((kind, name))
        if known is None:
            entry = self._entries.get((kind, name))
            known = self._quick[kind, name] = entry is not None and entry.quick
        return known

    def reconciles(self, name: str) -> bool:
        """Return true if a tool can look up a call with an unknown outcome."""
        entry = self._entries.get(("tool", name))
        return entry is not None and entry.reconciles

    async def call(
        self,
        kind: ToolKind,
        name: str,
        args: dict[str, Any],
        context: ToolContext,
        config: dict[str, Any] | None = None,
    ) -> Any:
        """Call a tool or function and return its result. ``config`` is its node's configuration.

        Raises a final ``StepError`` for an unknown name, an invalid configuration or arguments, and whatever the call
        raises.
        """
        entry = self.get(kind, name)
        call = self._built(entry, config or {})
        checked = check_arguments(entry, args)
        if entry.context_name is not None:
            checked[entry.context_name] = context
        if entry.blocking:
            return await self._threads.run(call, **checked)
        result = call(**checked)
        return await result if inspect.isawaitable(result) else result

    async def reconcile(
        self, name: str, args: dict[str, Any], context: ToolContext, config: dict[str, Any] | None = None
    ) -> Reconciled:
        """Look up the outcome of the call with this ``context`` and ``args``.

        Answers ``Unknown`` for a tool without a hook. Raises as ``call`` does.
        """
        entry = self.get("tool", name)
        if not entry.reconciles:
            return Unknown(f"tool {name!r} has no reconcile hook")
        made = self._built(entry, config or {})
        hook: Reconcile = entry.reconcile if entry.reconcile is not None else made.reconcile
        return await hook(context, check_arguments(entry, args))

    def _built(self, entry: Entry, config: dict[str, Any]) -> Any:
        """Return the callable: the function, or the instance of the class for this configuration."""
        if entry.config is None:
            check_config(entry, config)
            return entry.make
        key = (entry.kind, entry.name, canonical_hash(config))
        made = self._instances.get(key)
        if made is None:
            made = self._instances[key] = _make(entry, check_config(entry, config))
        return made

    def _decorator(self, kind: ToolKind, name: str, blocking: bool, reconcile: Reconcile | None) -> Callable[[_F], _F]:
        def register(call: _F) -> _F:
            self.add(make_entry(kind, name, call, blocking=blocking, reconcile=reconcile))
            return call

        return register


def _make(entry: Entry, config: dict[str, Any]) -> Any:
    try:
        return entry.make(**config)
    except StepError:
        raise
    except Exception as exc:
        message = f"{entry.kind} {entry.name!r} cannot be made of its configuration: {type(exc).__name__}: {exc}"
        raise StepError("bad_config", message) from exc


REGISTRY = Registry()
"""Where the decorators below put things; workers and the API's spec check read it."""
tool = REGISTRY.tool
function = REGISTRY.function
