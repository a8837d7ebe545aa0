"""The tools and functions of a file, by kind and name."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from agentflow.context import ToolContext
from agentflow.declaration import ATTRIBUTE, Declaration
from agentflow.worker.errors import StepError

Key = tuple[str, str]


@dataclass(frozen=True)
class Call:
    """A call with its arguments. ``is_async``: it returns an awaitable at once, so the event loop makes it."""

    make: Callable[[], Any]
    is_async: bool


@dataclass(frozen=True)
class Function:
    """One tool or function. ``context_name`` is the parameter that gets the context, if it has one."""

    declaration: Declaration
    made_of: Any
    context_name: str | None

    def bind(self, args: Mapping[str, Any], config: Mapping[str, Any], context: ToolContext) -> "Call":
        """Return the call, not yet made. Raises ``StepError`` for arguments or a configuration that do not fit."""
        call = self._made(config)
        given = dict(args) | ({} if self.context_name is None else {self.context_name: context})
        try:
            inspect.signature(call).bind(**given)
        except TypeError as exc:
            raise StepError("bad_arguments", f"{self.declaration['name']}: {exc}") from exc
        code = call if inspect.isroutine(call) else type(call).__call__
        return Call(lambda: call(**given), inspect.iscoroutinefunction(code))

    def _made(self, config: Mapping[str, Any]) -> Any:
        if not inspect.isclass(self.made_of):
            if config:
                raise StepError("bad_config", f"{self.declaration['name']} takes no configuration; remove it")
            return self.made_of
        try:
            return self.made_of(**config)
        except Exception as exc:
            raise StepError("bad_config", f"{self.declaration['name']} cannot be made: {exc}") from exc

    @property
    def reconcile(self) -> Any:
        """The hook that looks up a call with an unknown outcome; ``None`` without one."""
        return self.declaration["options"].get("reconcile")


class Functions:
    """What a worker can do."""

    def __init__(self, functions: Mapping[Key, Function]) -> None:
        self._functions = functions

    @classmethod
    def of(cls, *namespaces: Mapping[str, Any]) -> "Functions":
        """Return what is decorated in namespaces. Raises ``ValueError`` for two of one name, and for none."""
        found: dict[Key, Function] = {}
        for made_of in (value for namespace in namespaces for value in namespace.values()):
            declaration: Declaration | None = getattr(made_of, ATTRIBUTE, None)
            if declaration is None:
                continue
            key = (declaration["kind"], declaration["name"])
            if key in found and found[key].made_of is not made_of:
                raise ValueError(f"{key[0]} {key[1]!r} is there twice; give one of them another name")
            found[key] = Function(declaration, made_of, _context_name(declaration))
        if not found:
            raise ValueError("there is nothing to do: decorate a function with @tool or @function of agentflow")
        return cls(found)

    @classmethod
    def load(cls, path: Path) -> "Functions":
        """Return those of a file. Raises ``ValueError``, and whatever the file raises."""
        return cls.of(vars(_module(path)))

    def get(self, kind: str, name: str) -> Function:
        """Return one. Raises ``StepError`` that names what there is."""
        found = self._functions.get((kind, name))
        if found is None:
            have = ", ".join(sorted(f"{a_kind} {a_name}" for a_kind, a_name in self._functions))
            raise StepError(f"unknown_{kind}", f"this worker has no {kind} {name!r}; it has {have}")
        return found

    def declarations(self, kind: str) -> list[Declaration]:
        """Return what the decorators of one kind say, by name."""
        return [one.declaration for (its_kind, _), one in sorted(self._functions.items()) if its_kind == kind]

    def names(self) -> list[str]:
        """Return what there is, for people."""
        return sorted(f"{kind} {name}" for kind, name in self._functions)


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # A file imports its neighbours, as a script does; and what it defines can be pickled.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _context_name(declaration: Declaration) -> str | None:
    names = [a["name"] for a in declaration["arguments"] if a["annotation"].rpartition(".")[2] == ToolContext.__name__]
    return names[0] if names else None
