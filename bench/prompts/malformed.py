"""Malformed templates: well-formed ones with one thing broken, so that each is malformed by how it is made."""

import random
import re
from collections.abc import Callable, Iterator

#: Written by hand: what people type who think of another language, or of nothing.
TYPED = (
    "{{",
    "Hello {{",
    "Hello {{name",
    "Hello {{name}",
    "Hello {name}}",
    "Hello {{ {name}}",
    "{{}}",
    "{{ }}",
    "{{my name}}",
    "{{größe}}",
    "{{1st}}",
    "{{-name}}",
    "{{name-}} {{na\tme}}",
    "{{name.}}",
    "{{.name..first}}",
    "{{..name}}",
    "{{.}}",
    "{{#.}}x{{/.}}",
    "{{name()}}",
    "{{name.upper()}}",
    "{{items[0]}}",
    "{{a + b}}",
    "{{a == b}}",
    "{{a, b}}",
    "{{a = b}}",
    "{{'name'}}",
    '{{"name}}',
    '{{name"}}',
    '{{"a" "b"}}',
    "{{3}}",
    "{{name|}}",
    "{{name||upper}}",
    "{{|upper}}",
    "{{name | shout}}",
    "{{name | Upper}}",
    "{{name | upper(1)}}",
    "{{name | truncate}}",
    '{{name | truncate("3")}}',
    "{{name | truncate(-1)}}",
    "{{name | truncate(3}}",
    "{{name | truncate(3))}}",
    "{{name | truncate 3}}",
    "{{name | truncate(3,)}}",
    "{{name | indent(99999999)}}",
    "{{name | join(1)}}",
    "{{name | join(', ')}}",
    "{{name | default}}",
    "{{name | default()}}",
    "{{name | default(other)}}",
    '{{name | default: "x"}}',
    "{{name | default(true, false)}}",
    r'{{name | default("\x")}}',
    '{{name | default("a\nb")}}',
    "{{#}}x{{/}}",
    "{{#a}}",
    "{{^a}}",
    "{{/a}}",
    "{{#a}}{{/b}}",
    "{{#a}}{{/A}}",
    "{{#a}}{{#b}}{{/a}}{{/b}}",
    "{{#a}}{{/a}}{{/a}}",
    "{{#a}}{{^a}}{{/a}}",
    "{{#a b}}x{{/a b}}",
    "{{#a | length}}x{{/a}}",
    "{{#if a}}x{{/if}}",
    "{{#each items}}x{{/each}}",
    "{{#unless a}}x{{/unless}}",
    "{{#a}}x{{else}}y{{/a}}",
    "{{^}}x{{/}}",
    "{{! a comment",
    "{{!",
    "{{&name}}",
    "{{=<% %>=}}",
    "{{>}}",
    "{{> }}",
    "{{> @2}}",
    "{{> header@}}",
    "{{> header@0}}",
    "{{> header@02}}",
    "{{> header@Production}}",
    "{{> header@2@3}}",
    "{{> ../header}}",
    "{{> header 2}}",
    "{{> header title}}",
    "{{> header title=}}",
    "{{> header title=Hi there}}",
    "{{> header =x}}",
    "{{> header a=1 a=2}}",
    "{{> header a.b=1}}",
    '{{> header a="x}}',
    "{{> header a='x'}}",
    "{{> header, a=1}}",
    "{{> header a=.}}",
    "{{> header a=1",
    "{{>header}",
    "{{name}} and {{",
    "{{#a}}{{name}{{/a}}",
    '{{"a": {"b": 1}}}',
    "{{name}} {{{{",
    "{{range .items}}{{.}}{{end}}",
    "{{if .a}}x{{end}}",
)
_WORDS = (
    "Answer",
    "briefly",
    "the",
    "question",
    "about",
    "this",
    "text",
    "in",
    "JSON",
    '{"a": {"b": 1}}',
    "\n",
    "\n- ",
)
_TAG = re.compile(r"\{\{(?!!)[^{}]*\}\}")


def malformed(count: int, seed: int = 0) -> Iterator[str]:
    """Yield malformed templates: those that were typed, then generated ones."""
    rng = random.Random(seed)  # noqa: S311  not for secrets
    for number in range(count):
        yield TYPED[number] if number < len(TYPED) else _BREAKS[number % len(_BREAKS)](rng, well_formed(rng))


def well_formed(rng: random.Random, depth: int = 3) -> str:
    """Return a well-formed template with at least one tag of a value."""
    pieces = [_text(rng)]
    for _ in range(rng.randint(1, 3)):
        pieces += [_piece(rng, depth), _text(rng)]
    return "".join([*pieces, "{{question}}", _text(rng)])


def _piece(rng: random.Random, depth: int) -> str:
    name = _name(rng)
    choices = [f"{{{{{name}}}}}", f"{{{{ .{name} | upper }}}}", f'{{{{{name} | default("x") | truncate(9)}}}}']
    choices += ["{{! a comment }}", f'{{{{> header@2 title="Hi" name={name}}}}}', '{{"{{"}}']
    if depth:
        inner = well_formed(rng, depth - 1)
        choices += [f"{{{{{sign}{name}}}}}{inner}{{{{/{name}}}}}" for sign in "#^"]
    return rng.choice(choices)


def _text(rng: random.Random) -> str:
    """Return words with a space before and after."""
    return f" {' '.join(rng.choices(_WORDS, k=rng.randint(2, 6)))} "


def _name(rng: random.Random) -> str:
    return ".".join(rng.choices(("user", "items", "topic", "n-1", "_x"), k=rng.randint(1, 3)))


def _in_a_tag(change: Callable[[random.Random, str], str]) -> Callable[[random.Random, str], str]:
    """Return a break that changes one tag, which is no comment and no escape (``{{"{{"}}``)."""

    def broken(rng: random.Random, text: str) -> str:
        match = rng.choice([each for each in _TAG.finditer(text) if each[0] != '{{"}}'])
        return text[: match.start()] + change(rng, match[0]) + text[match.end() :]

    return broken


def _cut(rng: random.Random, text: str) -> str:
    match = rng.choice(list(_TAG.finditer(text)))
    return text[: rng.randint(match.start() + 2, match.end() - 1)]


def _open_anywhere(rng: random.Random, text: str) -> str:
    return f"{text} {{{{two words {rng.choice(_WORDS)}"


def _unclosed(rng: random.Random, text: str) -> str:
    return f"{{{{{rng.choice('#^')}{_name(rng)}}}}}{text}"


def _closed_twice(rng: random.Random, text: str) -> str:
    return f"{text}{{{{/{_name(rng)}}}}}"


def _crossed(rng: random.Random, text: str) -> str:
    return f"{{{{#a}}}}{text}{{{{{rng.choice('#^')}b}}}}{{{{/a}}}}{{{{/b}}}}"


_BREAKS: tuple[Callable[[random.Random, str], str], ...] = (
    _in_a_tag(lambda _, tag: tag[:-1]),
    _in_a_tag(lambda _, tag: tag[:-2]),
    _in_a_tag(lambda _, tag: f"{tag[:-2]} }}{{ }}}}"),
    _in_a_tag(lambda _, tag: f"{tag[:-2]} | nothing}}}}"),
    _in_a_tag(lambda _, tag: f"{tag[:-2]} ? :}}}}"),
    _in_a_tag(lambda _, tag: f'{tag[:-2]} "}}}}'),
    _in_a_tag(lambda _, tag: f"{{{{ , {tag[2:]}"),
    _in_a_tag(lambda rng, _: "{{" + rng.choice(" \t\n") + "}}"),
    _in_a_tag(lambda rng, _: f"{{{{{_name(rng)} {_name(rng)}}}}}"),
    _in_a_tag(lambda rng, _: f"{{{{> {_name(rng)}@{rng.choice(('', '0', 'A', '-1', '1x@'))}}}}}"),
    _in_a_tag(lambda _, tag: "{{é" + tag[2:]),
    _cut,
    _open_anywhere,
    _unclosed,
    _closed_twice,
    _crossed,
)
