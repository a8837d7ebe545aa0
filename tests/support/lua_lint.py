"""Checks the Lua scripts: ``python -m tests.support.lua_lint`` prints what is wrong and exits with 1 if anything is.

A script must parse, open with a head that describes each of its ``KEYS`` and ``ARGV`` and what it answers, and use no
global variable but those of Redis and of Lua 5.1. A fragment must open with a comment and use neither ``KEYS`` nor
``ARGV``: what it needs it takes as parameters.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from luaparser import ast, astnodes

from connectors.redis.scripts import FOLDER, FRAGMENTS, script

LUA = frozenset(
    {
        "_G",
        "_VERSION",
        "assert",
        "error",
        "getmetatable",
        "ipairs",
        "math",
        "next",
        "pairs",
        "pcall",
        "rawequal",
        "rawget",
        "rawset",
        "select",
        "setmetatable",
        "string",
        "table",
        "tonumber",
        "tostring",
        "type",
        "unpack",
        "xpcall",
    }
)
REDIS = frozenset({"redis", "cjson", "cmsgpack"})
ARRAYS = ("KEYS", "ARGV")
GLOBALS = LUA | REDIS | {*ARRAYS}
_DESCRIBED = re.compile(r"-- (?P<array>KEYS|ARGV)\[(?P<first>\d+)(?P<range>\.\.(?P<last>\d+)?)?\] \S.*")
_ENDLESS = 1_000_000


class Scopes:
    """Walks a tree with the local variables of each block; collects global names and uses of KEYS and ARGV."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.assigned: set[str] = set()
        self.used: set[tuple[str, int | None]] = set()
        self._locals: list[set[str]] = [set()]

    def walk(self, node: object) -> None:
        """Collect from a node, or from each node of a list."""
        if isinstance(node, list):
            for one in node:
                self.walk(one)
        elif isinstance(node, astnodes.Node):
            handler = getattr(self, f"_{type(node).__name__.lower()}", self._children)
            handler(node)

    def _children(self, node: astnodes.Node) -> None:
        for name, value in vars(node).items():
            if not name.startswith("_"):
                self.walk(value)

    @contextmanager
    def _scope(self, names: Sequence[astnodes.Node] = ()) -> Iterator[None]:
        self._locals.append({name.id for name in names if isinstance(name, astnodes.Name)})
        yield
        self._locals.pop()

    def _is_local(self, name: str) -> bool:
        return any(name in scope for scope in self._locals)

    def _block(self, node: astnodes.Block) -> None:
        with self._scope():
            self.walk(node.body)

    def _name(self, node: astnodes.Name) -> None:
        if not self._is_local(node.id):
            self.read.add(node.id)
            if node.id in ARRAYS:
                self.used.add((node.id, None))

    def _index(self, node: astnodes.Index) -> None:
        array = node.value.id if isinstance(node.value, astnodes.Name) else ""
        if array in ARRAYS and not self._is_local(array) and isinstance(node.idx, astnodes.Number):
            self.read.add(array)
            self.used.add((array, int(node.idx.n)))
            return
        self.walk(node.value)
        if node.notation is not astnodes.IndexNotation.DOT:
            self.walk(node.idx)

    def _field(self, node: astnodes.Field) -> None:
        if node.between_brackets:
            self.walk(node.key)
        self.walk(node.value)

    def _invoke(self, node: astnodes.Invoke) -> None:
        self.walk(node.source)
        self.walk(node.args)

    def _localassign(self, node: astnodes.LocalAssign) -> None:
        self.walk(node.values)
        self._locals[-1].update(target.id for target in node.targets)

    def _assign(self, node: astnodes.Assign) -> None:
        self.walk(node.values)
        for target in node.targets:
            self._assign_to(target)

    def _assign_to(self, target: astnodes.Node) -> None:
        root = target
        while isinstance(root, astnodes.Index):
            root = root.value
        if isinstance(root, astnodes.Name) and not self._is_local(root.id):
            self.assigned.add(root.id)
        if isinstance(target, astnodes.Index):
            self.walk(target)

    def _localfunction(self, node: astnodes.LocalFunction) -> None:
        self._locals[-1].add(node.name.id)
        self._anonymousfunction(node)

    def _function(self, node: astnodes.Function) -> None:
        self._assign_to(node.name)
        self._anonymousfunction(node)

    def _method(self, node: astnodes.Method) -> None:
        self._assign_to(node.source)
        with self._scope([astnodes.Name("self")]):
            self._anonymousfunction(node)

    def _anonymousfunction(self, node: astnodes.AnonymousFunction) -> None:
        with self._scope(node.args):
            self.walk(node.body)

    def _fornum(self, node: astnodes.Fornum) -> None:
        self.walk([node.start, node.stop])
        self.walk(node.step)
        with self._scope([node.target]):
            self.walk(node.body)

    def _forin(self, node: astnodes.Forin) -> None:
        self.walk(node.iter)
        with self._scope(node.targets):
            self.walk(node.body)

    def _repeat(self, node: astnodes.Repeat) -> None:
        # The condition knows the locals of the body.
        with self._scope():
            self.walk(node.body.body)
            self.walk(node.test)


def script_problems(text: str, resolved: str) -> list[str]:
    """Return what is wrong with a script: its file's ``text``, and what Redis gets with the fragments in it."""
    scopes, problems = _scopes(resolved)
    head = _head(text)
    described = _described(head)
    for array in ARRAYS:
        problems += _head_problems(array, described[array], {n for name, n in scopes.used if name == array})
    if not any(line.startswith("-- Answers ") for line in head):
        problems.append("the head does not say what the script answers: add a line `-- Answers ...`")
    return problems


def fragment_problems(text: str) -> list[str]:
    """Return what is wrong with a fragment."""
    scopes, problems = _scopes(text)
    problems += [f"{array} in a fragment: pass it as a parameter" for array in ARRAYS if array in scopes.read]
    if not _head(text):
        problems.append("the fragment has no head comment")
    return problems


def problems_of(folder: Path = FOLDER) -> list[str]:
    """Return what is wrong with all scripts and fragments of the application, a line each."""
    found = []
    for path in sorted(folder.glob("*.lua")):
        found += [f"{path.name}: {one}" for one in script_problems(path.read_text("utf-8"), script(path.stem))]
    for path in sorted(FRAGMENTS.glob("*.lua")):
        found += [f"include/{path.name}: {one}" for one in fragment_problems(path.read_text("utf-8"))]
    return found


def _scopes(text: str) -> tuple[Scopes, list[str]]:
    scopes = Scopes()
    try:
        tree = ast.parse(text)
    except ast.SyntaxException as error:
        return scopes, [f"does not parse: {error}"]
    scopes.walk(tree)
    problems = [f"assigns the global variable {name}" for name in sorted(scopes.assigned)]
    return scopes, problems + [f"reads the global variable {name}" for name in sorted(scopes.read - GLOBALS)]


def _head(text: str) -> list[str]:
    head = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        head.append(line)
    return head


def _described(head: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Return the described elements of each array as first and last, in the order of the head."""
    described: dict[str, list[tuple[int, int]]] = {array: [] for array in ARRAYS}
    for line in head:
        match = _DESCRIBED.fullmatch(line)
        if match is not None:
            first = int(match["first"])
            last = int(match["last"] or _ENDLESS) if match["range"] else first
            described[match["array"]].append((first, last))
    return described


def _head_problems(array: str, described: Sequence[tuple[int, int]], used: set[int | None]) -> Iterator[str]:
    if not described:
        yield f"the head describes no {array}"
        return
    if [first for first, _ in described] != [1, *(last + 1 for _, last in described[:-1])]:
        yield f"the head does not describe {array} one after the other from 1"
    for number in sorted(n for n in used if n is not None):
        if not any(first <= number <= last for first, last in described):
            yield f"the head does not describe {array}[{number}]"
    if None in used and all(first == last for first, last in described):
        yield f"{array} is used with a computed index: the head must describe a range, as {array}[2..]"


def main() -> int:
    """Print the problems; return the exit code."""
    found = problems_of()
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
