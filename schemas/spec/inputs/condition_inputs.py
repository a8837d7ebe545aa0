"""The run inputs that conditions read: by name, as a whole, or only where they are there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.spec.check.flow import conditions_of as placed_conditions
from schemas.spec.loops import every_node
from schemas.spec.model import Node

#: A text in CEL, with the prefixes that it may have.
_TEXT = re.compile(
    r"[rRbB]{0,2}(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")",
    re.DOTALL,
)
_DOT = re.compile(r"\s*\.\s*")
_NAME = r"([A-Za-z_][A-Za-z0-9_]*)"
_INPUTS = r"(?<![A-Za-z0-9_.])inputs"
_BY_NAME = re.compile(rf"{_INPUTS}\.{_NAME}")
_BY_KEY = re.compile(rf"{_INPUTS}\s*\[\s*#([0-9]+)#\s*\]")
_HAS = re.compile(rf"\bhas\(\s*inputs\.{_NAME}\s*\)")
_IN = re.compile(rf"#([0-9]+)#\s+in\s+{_INPUTS}(?!\s*[.\[])")
_WHOLE = re.compile(rf"{_INPUTS}(?!\.[A-Za-z_]|\s*\[\s*#)")


@dataclass(frozen=True, slots=True)
class InputsRead:
    """The inputs that conditions read by name, those for which they ask whether they are there, and whether they read
    the inputs as a whole.
    """

    named: frozenset[str]
    asked: frozenset[str]
    whole: bool

    @property
    def needed(self) -> frozenset[str]:
        """The inputs without which a condition cannot be decided."""
        return self.named - self.asked


NOTHING_READ = InputsRead(frozenset(), frozenset(), whole=False)


def conditions_of(node: Node) -> list[str]:
    """Return the conditions of a node: its own, those of a switch's cases, and a loop's."""
    return [text for _, text in placed_conditions(node)]


def inputs_of_conditions(nodes: Iterable[Node]) -> InputsRead:
    """Return the inputs that the conditions of nodes read. One ``has(inputs.x)`` counts for all of them."""
    return inputs_of_texts(text for node in every_node(nodes) for text in conditions_of(node))


def inputs_of_texts(texts: Iterable[str]) -> InputsRead:
    """Return the inputs that expressions read."""
    named: set[str] = set()
    asked: set[str] = set()
    whole = False
    for text in texts:
        plain, quoted = _without_texts(text)
        named.update(_BY_NAME.findall(plain), (quoted[int(n)] for n in _BY_KEY.findall(plain)))
        asked.update(_HAS.findall(plain), (quoted[int(n)] for n in _IN.findall(plain)))
        whole = whole or _WHOLE.search(_IN.sub("", plain)) is not None
    return InputsRead(frozenset(named), frozenset(asked), whole)


def _without_texts(condition: str) -> tuple[str, list[str]]:
    """Return a condition with numbers in place of its texts, and those. What a text mentions is not read."""
    texts: list[str] = []

    def number(match: re.Match[str]) -> str:
        texts.append(match[0].lstrip("rRbB").strip("'\""))
        return f"#{len(texts) - 1}#"

    return _DOT.sub(".", _TEXT.sub(number, condition)), texts
