"""Hostile values: texts that look like template, in every dialect. None may change a template's structure."""

import html
import random
from collections.abc import Iterator

from schemas.templates import Dialect, Parts, Template, parse

_PIECES = (
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{{name}}",
    "{{> header@2}}",
    "{{>",
    "{{#list}}",
    "{{/list}}",
    "{{^list}}",
    "{{/if}}",
    "{{! ",
    "{{=<% %>=}}",
    "{{&value}}",
    "{%",
    "%}",
    "{% raw %}",
    "{% endfor %}",
    "{% include 'x' %}",
    "{{ 7 * 7 }}",
    "{#",
    "#}",
    "${x}",
    "\0",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\r\n",
    "\n",
    "\u2028",
    "\x1b[2J",
    '"',
    "'",
    "\\",
    "\\u007b\\u007b",
    "&lt;",
    "<b>",
    "|",
    "default(",
    "@production",
    "a",
    " ",
    "é",
    "🙂",
)
_SENTINEL = "VALUEWITHOUTSIGNS"
_MEGABYTE = 1024 * 1024

#: In each place of a template where a value may be inserted; none changes the text of its value.
TEMPLATES: dict[Dialect, str] = {
    "agentflow": (
        'a {{value}} {"b": {"c": 1}} {{{value}}}\n{{#value}}\n- {{.}} {{value}}\n{{/value}}\n{{^value}}no{{/value}}'
        '{{#list}}<{{.}}|{{text}}>{{/list}}{{gone | default("d")}}{{value | default("d")}}{{list | join("-")}}'
        '{{> part@1 title=value}}{{! c }}{{"{{"}} {{object.key}} {{list.0}}'
    ),
    "mustache": (
        "a {{value}} {{{value}}}\n{{#list}}\n- {{.}} {{& .}}\n{{/list}}\n {{>part}}\n{{^gone}}x{{/gone}}{{&value}}"
    ),
    "jinja": (
        "a {{ value }}{% if value %} b {{ value|default('d') }}{% endif %}{# c #}{% for one in list %}"
        "{{ loop.index }}{{ one }}{% endfor %}{{ object.key ~ '-' }}{{ list|join(', ') }}"
    ),
}
_PARTS = {"part@1": "[{{title}} {{value}}]", "part": "[{{{value}}}\n{{value}}]"}


class _Parts:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect: Dialect = dialect

    def part(self, ref: str) -> tuple[Template, Parts]:
        return parse(_PARTS[ref], self._dialect), self


def hostile(count: int, seed: int = 0) -> Iterator[str]:
    """Yield hostile values: each piece alone, mixtures of them, and some of a megabyte."""
    rng = random.Random(seed)  # noqa: S311  not for secrets
    for number in range(count):
        if number < len(_PIECES):
            yield _PIECES[number]
        elif number % 2_500 == 0:
            mixed = "".join(rng.choices(_PIECES, k=16))
            yield mixed * (_MEGABYTE // len(mixed) + 1)
        else:
            yield "".join(rng.choices(_PIECES, k=rng.randint(2, 12)))


def structure_changes(count: int, seed: int = 0) -> int:
    """Return in how many of ``count`` values a value changed more than its own place.

    All are inserted in our dialect, every fourth also in the two others.
    """
    ours, *others = (_Frame(dialect) for dialect in TEMPLATES)
    changed = 0
    for number, value in enumerate(hostile(count, seed)):
        frames = [ours] if number % 4 else [ours, *others]
        changed += any(frame.is_changed_by(value) for frame in frames)
    return changed


class _Frame:
    """A template, and its text around the places of the value: what no value may change."""

    def __init__(self, dialect: Dialect) -> None:
        self._template, self._parts, self._is_html = (
            parse(TEMPLATES[dialect], dialect),
            _Parts(dialect),
            dialect == "mustache",
        )
        self._pieces = self._rendered(_SENTINEL).split(_SENTINEL)
        # An escaped place is found by a value that escapes change.
        marked = self._rendered("<" + _SENTINEL).split(_SENTINEL)
        self._escaped = [self._is_html and before.endswith("&lt;") for before in marked[:-1]]

    def is_changed_by(self, value: str) -> bool:
        """Return true if the text is another than the pieces with the value between them."""
        in_html = html.escape(value, quote=False).replace('"', "&quot;") if self._is_html else value
        between = [in_html if escaped else value for escaped in self._escaped]
        expected = self._pieces[0] + "".join(map("".join, zip(between, self._pieces[1:], strict=True)))
        return self._rendered(value) != expected

    def _rendered(self, value: str) -> str:
        values = {"value": value, "list": [value, value], "object": {"key": value}, "text": value}
        return self._template.render(values, self._parts)
