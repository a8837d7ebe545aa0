"""Planting a wrong edit: a snippet of a module's source is replaced, in this process and for a while.

The patched source is compiled and run beside the module, which stays the one that all others have imported: its
functions get the code of the patched ones, its tables their rows, its constants their values. So a mutant is a line of
text that survives when code moves, and one whose snippet is no longer there, or there twice, says so at once.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_PLAIN = (int, float, str, tuple, frozenset, type(None))


@dataclass(frozen=True)
class Mutant:
    """A wrong edit: ``where`` is a module, or a package in which ``old`` is once; ``breaks`` is the rule it breaks."""

    name: str
    where: str
    old: str
    new: str
    breaks: str


class NotPlanted(Exception):
    """The snippet of a mutant is not where it is said to be; give its new place, or its new words."""


@contextmanager
def planted(bug: str) -> Iterator[None]:
    """Plant the mutant of this name until the block is left. Nothing, if there is none."""
    from tests.simulation.mutants.catalogue import MUTANTS  # its tables import this module

    mutant = MUTANTS.get(bug)
    if mutant is None:
        yield
        return
    with planted_in(mutant):
        yield


@contextmanager
def planted_in(mutant: Mutant) -> Iterator[None]:
    """Plant a mutant, one that the simulation does not play too, until the block is left."""
    name, source = found(mutant)
    with ExitStack() as undo:
        _swap(importlib.import_module(name), source.replace(mutant.old, mutant.new), undo)
        yield


def found(mutant: Mutant) -> tuple[str, str]:
    """Return the module that has a mutant's snippet, and its source. Raises ``NotPlanted``."""
    there = [(name, source) for name, source in _sources(mutant.where) if mutant.old in source]
    if len(there) != 1 or there[0][1].count(mutant.old) != 1:
        places = [f"{name} ({source.count(mutant.old)})" for name, source in there]
        raise NotPlanted(f"{mutant.name}: {mutant.old!r} must be once in {mutant.where}, and is in {places}")
    return there[0]


@cache
def _sources(where: str) -> list[tuple[str, str]]:
    """Return the names and sources of a module, or of all modules in a package."""
    module = importlib.import_module(where)
    names = [where]
    if hasattr(module, "__path__"):
        names += [one.name for one in pkgutil.walk_packages(module.__path__, f"{where}.")]
    return [(name, Path(_file(name)).read_text()) for name in names]


def _file(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def _swap(module: ModuleType, source: str, undo: ExitStack) -> None:
    """Give a module what its patched source says. Raises ``NotPlanted`` if that is the same."""
    patched = ModuleType(module.__name__)
    patched.__package__ = module.__package__
    patched.__file__ = module.__file__
    exec(compile(source, module.__file__ or module.__name__, "exec"), patched.__dict__)
    ours, theirs = _functions(module), _functions(patched)
    changed = 0
    for name, function in ours.items():
        if name in theirs and function.__code__ != theirs[name].__code__:
            undo.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = theirs[name].__code__
            changed += 1
    originals = {id(function): ours[name] for name, function in theirs.items() if name in ours}
    for name, value in list(vars(module).items()):
        other = vars(patched).get(name, value)
        if isinstance(value, MutableMapping) and not name.startswith("__"):
            changed += _swap_rows(value, other, originals, undo)
        elif isinstance(value, _PLAIN) and not name.startswith("__") and type(value) is type(other) and value != other:
            undo.callback(setattr, module, name, value)
            setattr(module, name, other)
            changed += 1
    if not changed:
        raise NotPlanted(f"nothing in {module.__name__} is another after the edit")


def _swap_rows(rows: Any, others: Any, originals: dict[int, FunctionType], undo: ExitStack) -> int:
    """Make the rows of a table those of the patched one, with our functions for its."""
    wanted = {key: originals.get(id(value), value) for key, value in others.items()}
    new = {
        key: value for key, value in wanted.items() if isinstance(value, FunctionType) and rows.get(key) is not value
    }
    if new:
        undo.callback(rows.update, {key: rows[key] for key in new if key in rows})
        rows.update(new)
    return len(new)


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    """Return a module's own functions and its classes' methods by qualified name."""
    found_: dict[str, FunctionType] = {}
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                _add(found_, module, member)
        else:
            _add(found_, module, value)
    return found_


def _add(found_: dict[str, FunctionType], module: ModuleType, value: Any) -> None:
    inner = (getattr(value, name, None) for name in ("fget", "__func__", "__wrapped__"))
    for one in (value, *inner):
        if isinstance(one, FunctionType) and one.__module__ == module.__name__:
            found_[one.__qualname__] = one
