"""Which mutants are tried: a sample that depends on the seed and the mutants' names alone.

Every mutant has a rank of its own, so an edit elsewhere changes neither the rank nor, mostly, the sample.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.mutation import lua_operators, python_operators
from tests.mutation.mutant import Mutant, mutants_of

AREAS = ("streams/core", "streams/runtime", "services/calls", "connectors/redis/lua")


def area_of(path: str) -> str:
    """Return the area of a file. Raises ``StopIteration`` for a file in none."""
    return next(area for area in AREAS if path.startswith(area + "/"))


def files(root: Path, areas: Sequence[str] = AREAS) -> list[str]:
    """Return the files to mutate, relative to ``root``. An area that is not there has none."""
    found = (path for area in areas for suffix in ("*.py", "*.lua") for path in (root / area).rglob(suffix))
    return sorted(path.relative_to(root).as_posix() for path in found)


def mutants_in(root: Path, path: str) -> list[Mutant]:
    """Return every mutant of a file."""
    source = (root / path).read_bytes()
    operators = lua_operators if path.endswith(".lua") else python_operators
    return mutants_of(path, source, operators.edits_of(source))


def chosen(mutants: Iterable[Mutant], seed: int, count: int) -> Iterator[Mutant]:
    """Yield ``count`` mutants, or all when there are fewer, in the order of their ranks."""
    ranked = sorted(mutants, key=lambda mutant: _rank(seed, mutant.name))
    yield from ranked[:count]


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
