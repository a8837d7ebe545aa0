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
in threads or, with ``isolation="process"``, in processes of their own (``connectors.tools.isolation.process_pool``);
one that takes no more than about a millisecond may say ``blocking=False`` and runs in the event loop.
Other packages register theirs by an entry point, see ``connectors.tools.entry_points``.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Unpack

from cachetools import LRUCache

from connectors.tools.context import ToolContext
from connectors.tools.effects import Reconcile, Reconciled, Unknown
from connectors.tools.entries import (
    Entry,
    Isolation,
    Running,
    ToolKind,
    check_arguments,
    check_config,
    check_schema,
    make_entry,
)
from connectors.tools.isolation.async_calls import AsyncCalls
from connectors.tools.isolation.process_pool import Processes
from connectors.tools.isolation.process_wire import Job
from connectors.tools.isolation.raised import contain, is_canceled, made_of
from connectors.tools.isolation.thread_pool import MAX_ABANDONED, Progress, Threads
from connectors.tools.value_schemas import DeclaredOptions, check_result
from schemas.errors import StepError
from schemas.ids import canonical_hash
from schemas.records.security.pinned import UNDECLARED, ToolSecurity
from schemas.spec.inputs.known_inputs import ArgumentNames

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
        self._async_calls = AsyncCalls()
        self._processes = Processes()
        self._default_isolation: Isolation = "thread"
        self.problems: list[str] = []

    def tool(
        self,
        name: str,
        *,
        blocking: bool = True,
        reconcile: Reconcile | None = None,
        isolation: Isolation | None = None,
        memory_mb: int | None = None,
        codes: Iterable[str] = (),
        secrets: Iterable[str] = (),
        **declared: Unpack[DeclaredOptions],
    ) -> Callable[[_F], _F]:
        """Register a tool under a name. ``reconcile`` looks up a call of it, see ``connectors.tools.effects``.

        ``isolation`` is where plain calls run; without it the worker's setting decides. ``memory_mb`` bounds the
        memory of one call, and makes it run in a process. ``codes`` are those of its own ``StepError``, which
        nodes may name in ``retry_on``. ``secrets`` are those of the organisation that it asks its context for.
        ``declared``: see ``connectors.tools.security`` and ``value_schemas``.
        """
        running = Running(blocking, isolation, memory_mb, frozenset(codes), tuple(secrets))
        return self._decorator("tool", name, running, reconcile, declared)

    def function(
        self,
        name: str,
        *,
        blocking: bool = True,
        isolation: Isolation | None = None,
        memory_mb: int | None = None,
        codes: Iterable[str] = (),
        **declared: Unpack[DeclaredOptions],
    ) -> Callable[[_F], _F]:
        """Register a pure function under a name; see ``tool`` for the other arguments."""
        running = Running(blocking, isolation, memory_mb, frozenset(codes))
        return self._decorator("function", name, running, None, declared)

    def isolate(self, processes: Processes, default: Isolation) -> None:
        """Run calls in ``processes``: those that are registered for it and, by ``default``, all plain ones."""
        self._processes = processes
        self._default_isolation = default

    @property
    def abandoned(self) -> int:
        """How many calls that were given up still run in this process."""
        return self._threads.abandoned + self._async_calls.abandoned

    @property
    def exhausted(self) -> bool:
        """True when so many calls were abandoned that this process must be replaced."""
        return self._threads.exhausted or self._async_calls.abandoned >= MAX_ABANDONED

    def codes(self) -> frozenset[str]:
        """Return the error codes that the tools and functions declare."""
        return frozenset(code for entry in self._entries.values() for code in entry.codes)

    def in_processes(self) -> list[Entry]:
        """Return the entries whose calls run in processes."""
        return [entry for entry in self._entries.values() if self._is_isolated(entry)]

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

    def security(self, kind: ToolKind, name: str) -> ToolSecurity:
        """Return what is declared of a tool or a function; of one that is unknown here, nothing is."""
        entry = self._entries.get((kind, name))
        return UNDECLARED if entry is None else entry.security

    def names(self, kind: ToolKind) -> frozenset[str]:
        """Return the names of all tools or all functions."""
        return frozenset(name for entry_kind, name in self._entries if entry_kind == kind)

    def argument_names(self, kind: ToolKind, name: str) -> frozenset[str] | None:
        """Return the names of the arguments that a call takes; ``None`` if it is unknown here, or takes any."""
        entry = self._entries.get((kind, name))
        return None if entry is None or entry.open_ended else frozenset(entry.arguments.model_fields)

    def all_argument_names(self) -> ArgumentNames:
        """Return the same of all entries, as data."""
        found = {(kind, name): self.argument_names(kind, name) for kind, name in self._entries}
        return ArgumentNames({key: names for key, names in found.items() if names is not None})

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
        progress: Progress | None = None,
    ) -> Any:
        """Call a tool or function and return its result. ``config`` is its node's configuration.

        ``progress`` learns when the call has a place. Raises a final ``StepError`` for an unknown name, an invalid
        configuration or arguments, and whatever the call raises, which is an ``Exception`` in any case: a
        ``CallRaised`` where the call raised something else.
        """
        entry = self.get(kind, name)
        value = await self._call(entry, args, context, config or {}, progress or Progress())
        if entry.schemas.result is not None:
            check_result(f"{kind} {name!r}", entry.schemas.result, value)
        return value

    async def _call(
        self, entry: Entry, args: dict[str, Any], context: ToolContext, config: dict[str, Any], progress: Progress
    ) -> Any:
        await context.secrets.loaded(entry.secrets)
        if self._is_isolated(entry):
            # Its process knows the type hints alone.
            check_schema(entry, args)
            job = Job.of(entry, args, config, context)
            return await self._processes.run(job, progress)
        try:
            call = self._built(entry, config)
            checked = check_arguments(entry, args)
            if entry.context_name is not None:
                checked[entry.context_name] = context
            if entry.blocking:
                return await self._threads.run(call, progress, **checked)
            progress.started = True
            result = call(**checked)
        except asyncio.CancelledError as exc:
            if is_canceled():
                raise
            raise contain(exc) from exc
        except BaseException as exc:
            # Constructors, validators and plain calls are user code, and may raise anything.
            if (contained := contain(exc)) is exc:
                raise
            raise contained from exc
        return await self._async_calls.run(result) if inspect.isawaitable(result) else result

    async def reconcile(
        self, name: str, args: dict[str, Any], context: ToolContext, config: dict[str, Any] | None = None
    ) -> Reconciled:
        """Look up the outcome of the call with this ``context`` and ``args``.

        Answers ``Unknown`` for a tool without a hook. Raises as ``call`` does.
        """
        entry = self.get("tool", name)
        if not entry.reconciles:
            return Unknown(f"tool {name!r} has no reconcile hook")
        await context.secrets.loaded(entry.secrets)
        made = self._built(entry, config or {})
        hook: Reconcile = entry.reconcile if entry.reconcile is not None else made.reconcile
        found: Reconciled = await self._async_calls.run(hook(context, check_arguments(entry, args)))
        return found

    def _is_isolated(self, entry: Entry) -> bool:
        """Return true if calls of an entry run in a process. ``blocking=False`` says that a call needs no place."""
        if entry.isolation is not None or entry.memory_mb is not None:
            return entry.isolation != "thread"
        return self._default_isolation == "process" and entry.blocking

    def _built(self, entry: Entry, config: dict[str, Any]) -> Any:
        """Return the callable: the function, or the instance of the class for this configuration."""
        if entry.config is None:
            check_config(entry, config)
            return entry.make
        key = (entry.kind, entry.name, canonical_hash(config))
        made = self._instances.get(key)
        if made is None:
            made = self._instances[key] = made_of(entry, check_config(entry, config))
        return made

    def _decorator(
        self, kind: ToolKind, name: str, running: Running, reconcile: Reconcile | None, declared: DeclaredOptions
    ) -> Callable[[_F], _F]:
        def register(call: _F) -> _F:
            self.add(make_entry(kind, name, call, running, reconcile=reconcile, declared=declared))
            return call

        return register


REGISTRY = Registry()
"""Where the decorators below put things; workers and the API's spec check read it."""
tool = REGISTRY.tool
function = REGISTRY.function
