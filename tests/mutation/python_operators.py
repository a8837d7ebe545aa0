"""What can be edited in a Python file: operators over its syntax tree, each giving edits of the text.

Left alone: annotations, docstrings, decorators, class headers, asserts (they state types), log lines, texts for people.
"""

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from tests.mutation.mutant import Edit

COMPARISONS = {
    ast.Lt: (rb"<", b"<="),
    ast.LtE: (rb"<=", b"<"),
    ast.Gt: (rb">", b">="),
    ast.GtE: (rb">=", b">"),
    ast.Eq: (rb"==", b"!="),
    ast.NotEq: (rb"!=", b"=="),
    ast.Is: (rb"\bis\b", b"is not"),
    ast.IsNot: (rb"\bis\s+not\b", b"is"),
    ast.In: (rb"\bin\b", b"not in"),
    ast.NotIn: (rb"\bnot\s+in\b", b"in"),
}
ARITHMETIC = {
    ast.Add: (rb"\+", b"-"),
    ast.Sub: (rb"-", b"+"),
    ast.Mult: (rb"\*", b"//"),
    ast.FloorDiv: (rb"//", b"*"),
    ast.Div: (rb"/", b"*"),
    ast.Mod: (rb"%", b"*"),
    ast.BitOr: (rb"\|", b"&"),
    ast.BitAnd: (rb"&", b"|"),
}
BOOLEAN = {ast.And: (rb"\band\b", b"or"), ast.Or: (rb"\bor\b", b"and")}
#: Texts that programs read: keys, kinds, names of fields.
PROGRAM_TEXT = re.compile(r"[\w:./~-]{1,40}")
LOGGERS = frozenset({"log", "_log", "logger", "_logger", "LOG", "logging"})
#: Their arguments in the other order give the same, or a ``TypeError`` at once.
UNORDERED = frozenset({"min", "max", "isinstance", "issubclass", "cast"})
#: Where statements stand in other statements.
INNER = ("body", "orelse", "finalbody", "handlers", "cases")
LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.Assert, ast.Global, ast.Nonlocal)
#: Turning these round is what the operator of comparisons does already.
EXACT = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


def edits_of(source: bytes) -> list[Edit]:
    """Return every edit of a Python file. Raises ``SyntaxError`` when it is none."""
    walker = _Walker(source)
    walker.block(ast.parse(source).body)
    return walker.edits


class _Walker:
    """Walks statements with their scope, and the expressions of each with the statement's lines."""

    def __init__(self, source: bytes) -> None:
        self.edits: list[Edit] = []
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._scope: tuple[str, ...] = ()
        self._in_function = False
        self._lines = (1, 1)

    def block(self, body: list[ast.stmt]) -> None:
        """Collect the edits of the statements."""
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node)
        elif not isinstance(node, LEFT_ALONE) and not _is_text(node):
            inner = [name for name in INNER if getattr(node, name, None)]
            self._lines = (node.lineno, _header_end(node, inner))
            self._whole(node)
            self._heads(node)
            for name in inner:
                self._inner(getattr(node, name))

    def _heads(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and child is not getattr(node, "annotation", None):
                self._expression(child)
            elif isinstance(child, ast.withitem):
                self._expression(child.context_expr)

    def _inner(self, children: list[ast.AST]) -> None:
        for child in children:
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                self.block(child.body)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        outer = self._scope, self._in_function
        if not isinstance(node, ast.ClassDef):
            self._lines = (node.lineno, node.body[0].lineno)
            for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
                self._expression(default)
        self._scope = (*self._scope, node.name)
        self._in_function = self._in_function or not isinstance(node, ast.ClassDef)
        self.block(node.body)
        self._scope, self._in_function = outer

    def _whole(self, node: ast.stmt) -> None:
        """Collect the edits that take a statement away, or turn its condition round."""
        if isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break) or (
            isinstance(node, ast.Assign)
            and not any(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
        ):
            self._replace("statement", node, b"pass")
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            self._replace("return", node.value, b"None")
        if isinstance(node, ast.If | ast.While):
            self._negate(node.test)

    def _expression(self, root: ast.expr) -> None:
        if _is_log_line(root):
            return
        operators: dict[type[ast.expr], Callable[[Any], None]] = {
            ast.Compare: self._compare,
            ast.BoolOp: self._boolean,
            ast.BinOp: self._arithmetic,
            ast.UnaryOp: self._not,
            ast.Constant: self._constant,
            ast.IfExp: lambda node: self._negate(node.test),
            ast.Call: self._call,
            ast.Dict: lambda node: self._swap("values", node.values),
        }
        if type(root) in operators:
            operators[type(root)](root)
        self._children(root)

    def _compare(self, node: ast.Compare) -> None:
        for left, right, op in zip([node.left, *node.comparators], node.comparators, node.ops, strict=False):
            self._between("comparison", left, right, COMPARISONS[type(op)])

    def _boolean(self, node: ast.BoolOp) -> None:
        for left, right in pairwise(node.values):
            self._between("boolean", left, right, BOOLEAN[type(node.op)])

    def _arithmetic(self, node: ast.BinOp) -> None:
        if self._in_function or not isinstance(node.op, ast.BitOr):  # outside it is a union of types
            self._between("arithmetic", node.left, node.right, ARITHMETIC.get(type(node.op)))

    def _not(self, node: ast.UnaryOp) -> None:
        if _is_not(node):
            self._replace("not", node, b"(" + self._text(node.operand) + b")")

    def _call(self, node: ast.Call) -> None:
        if _is_unordered(node):
            return
        if not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
            self._swap("arguments", node.args)
        self._swap("arguments", [keyword.value for keyword in node.keywords if keyword.arg])

    def _children(self, root: ast.expr) -> None:
        if isinstance(root, ast.JoinedStr):
            return  # offsets inside an f-string are not those of the file before Python 3.12
        if isinstance(root, ast.Lambda):
            outer, self._in_function = self._in_function, True
            self._expression(root.body)
            self._in_function = outer
            return
        if isinstance(root, ast.Call) and isinstance(root.func, ast.Name) and root.func.id == "cast":
            root = ast.Tuple(root.args[1:])
        for child in ast.iter_child_nodes(root):
            if isinstance(child, ast.expr):
                self._expression(child)
            elif isinstance(child, ast.keyword):
                self._expression(child.value)
            elif isinstance(child, ast.comprehension):
                self._comprehension(child)

    def _comprehension(self, node: ast.comprehension) -> None:
        self._expression(node.iter)
        for condition in node.ifs:
            self._negate(condition)
            self._expression(condition)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._replace("constant", node, b"False" if value else b"True")
        elif isinstance(value, int | float):
            self._replace("constant", node, repr(value + 1).encode())
        elif isinstance(value, str) and PROGRAM_TEXT.fullmatch(value) and self._in_function:
            self._replace("constant", node, repr(value + "X").encode())

    def _negate(self, test: ast.expr) -> None:
        if not (_is_not(test) or _is_exact(test) or isinstance(test, ast.Constant)):
            self._replace("condition", test, b"not (" + self._text(test) + b")")

    def _swap(self, operator: str, nodes: list[ast.expr]) -> None:
        if len(nodes) < 2 or self._text(nodes[0]) == self._text(nodes[1]):
            return
        first, second = nodes[0], nodes[1]
        between = self._source[self._end(first) : self._start(second)]
        swapped = self._text(second) + between + self._text(first)
        self._add(operator, self._start(first), self._end(second), swapped)

    def _between(self, operator: str, left: ast.expr, right: ast.expr, change: tuple[bytes, bytes] | None) -> None:
        if change is None:
            return
        start, end = self._end(left), self._start(right)
        found = re.search(change[0], self._source[start:end])
        if found:
            self._add(operator, start + found.start(), start + found.end(), change[1])

    def _replace(self, operator: str, node: ast.expr | ast.stmt, text: bytes) -> None:
        if isinstance(node, ast.Expr) and (_is_log_line(node.value) or _is_yield(node.value)):
            return
        self._add(operator, self._start(node), self._end(node), text)

    def _add(self, operator: str, start: int, end: int, text: bytes) -> None:
        scope = ".".join(self._scope)
        self.edits.append(Edit(operator, start, end, text, self._lines, scope, at_import=not self._in_function))

    def _text(self, node: ast.expr) -> bytes:
        return self._source[self._start(node) : self._end(node)]

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset


def _header_end(node: ast.stmt, inner: list[str]) -> int:
    """Return the last line of a statement, or of its head when it has a body."""
    if not inner:
        return node.end_lineno or node.lineno
    heads = [child.end_lineno for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    heads += [child.context_expr.end_lineno for child in ast.iter_child_nodes(node) if isinstance(child, ast.withitem)]
    return max([node.lineno, *(line for line in heads if line)])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_unordered(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in UNORDERED


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_exact(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], EXACT)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_yield(node: ast.expr) -> bool:
    return isinstance(node, ast.Yield | ast.YieldFrom)


def _is_log_line(node: ast.expr) -> bool:
    names = list(_names(node.func)) if isinstance(node, ast.Call) else []
    return bool(LOGGERS & set(names))


def _names(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute):
        yield node.attr
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
