"""Counts over the source: modules, functions, docstrings, comments and types, as the reading of the code counted."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class FunctionFacts:
    """One function or method; ``parameters`` are without ``self`` and ``cls``."""

    name: str
    lines: int
    parameters: int
    is_public: bool
    has_docstring: bool
    is_constructor: bool


@dataclass(frozen=True)
class ModuleFacts:
    """One module. ``Any``, casts and ignores are counted where they are used, not where they are imported."""

    path: Path
    lines: int
    comment_lines: int
    anys: int
    casts: int
    ignores: int
    functions: tuple[FunctionFacts, ...]


def modules_in(root: Path, packages: Iterable[str]) -> list[ModuleFacts]:
    """Return the facts of every module of the packages that is not empty."""
    paths = sorted(path for package in packages for path in (root / package).rglob("*.py"))
    return [facts_of(path) for path in paths if path.read_text(encoding="utf-8").strip()]


def facts_of(path: Path) -> ModuleFacts:
    """Return the facts of one module."""
    text = path.read_text(encoding="utf-8")
    tree, comments = ast.parse(text), list(_comments(text))
    nodes = list(ast.walk(tree))
    return ModuleFacts(
        path,
        lines=len(text.splitlines()),
        comment_lines=sum(alone for alone, _ in comments),
        anys=sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes),
        casts=sum(_is_call_of(node, "cast") for node in nodes),
        ignores=sum(comment.lstrip("# ").startswith("type: ignore") for _, comment in comments),
        functions=tuple(_functions(tree, public=True)),
    )


def largest_folder(modules: Iterable[ModuleFacts]) -> tuple[str, int]:
    """Return the folder with most modules directly in it, without ``__init__.py``, and how many they are."""
    count: dict[Path, int] = {}
    for module in modules:
        if module.path.name != "__init__.py":
            count[module.path.parent] = count.get(module.path.parent, 0) + 1
    folder = max(sorted(count), key=lambda path: count[path])
    return folder.name, count[folder]


def _comments(text: str) -> Iterator[tuple[bool, str]]:
    """Yield each comment, and whether it has a line to itself."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.line.lstrip().startswith("#"), token.string


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _functions(node: ast.AST, *, public: bool) -> Iterator[FunctionFacts]:
    """Yield the functions below a node. What stands in a function, or in a private class, is private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _facts(child, public=public)
            yield from _functions(child, public=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, public=public and not child.name.startswith("_"))
        else:
            yield from _functions(child, public=public)


def _facts(node: Function, *, public: bool) -> FunctionFacts:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    counted = [argument for argument in arguments if argument.arg not in {"self", "cls"}]
    return FunctionFacts(
        node.name,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        parameters=len(counted),
        is_public=public and not node.name.startswith("_"),
        has_docstring=ast.get_docstring(node) is not None,
        is_constructor=node.name == "__init__",
    )
