"""Lines of the area ``prompts`` for templates: the time of a rendering, and what is malformed or hostile."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import minijinja

from bench.lines import Line
from bench.prompts.hostile import structure_changes
from bench.prompts.malformed import malformed
from bench.prove.area import Aim, at_most
from deploy.local.engines.progress import Progress
from schemas.spec.references import MissingVariable
from schemas.templates import Parts, Template, TemplateError, parse

AIMS = (
    Aim("render_p50_us", "us", at_most(30), at_most(10)),
    Aim("render_minijinja_us", "us"),
    Aim("render_str_format_us", "us"),
    Aim("malformed_rendered", "templates", at_most(0), at_most(0)),
    Aim("hostile_structure_changes", "values", at_most(0), at_most(0)),
)
MALFORMED, HOSTILE, QUICK_HOSTILE = 500, 10_000, 2_000
ROUNDS, RENDERINGS = 5, 2_000
_SIZE, _VARIABLES = 2_048, 10
_PART = "You are {title}. Answer in {v1}, as {v2} would."
_VALUES = {f"v{n}": f"the value number {n}" for n in range(_VARIABLES)}


class _OnePart:
    """The part that the template includes, resolved."""

    def __init__(self) -> None:
        self._part = parse(_PART.replace("{", "{{").replace("}", "}}"))

    def part(self, _: str) -> tuple[Template, Parts]:
        return self._part, self


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Render, and try malformed templates and hostile values."""
    progress(f"rendering: {ROUNDS} times {RENDERINGS} renderings of each kind")
    hostile = QUICK_HOSTILE if quick else HOSTILE
    note = f"{_SIZE} characters, {_VARIABLES} variables and a part"
    return [
        Line("render_p50_us", "us", _rounds(_ours()), note),
        Line("render_minijinja_us", "us", _rounds(_minijinja()), "the same text, without a part"),
        Line("render_str_format_us", "us", _rounds(_str_format()), "the same text: what Python needs at least"),
        Line("malformed_rendered", "templates", (float(malformed_rendered(MALFORMED)),), f"of {MALFORMED}"),
        Line("hostile_structure_changes", "values", (float(structure_changes(hostile)),), f"of {hostile}, 3 dialects"),
    ]


def malformed_rendered(count: int, seed: int = 0) -> int:
    """Return how many of ``count`` malformed templates are not refused with a line and column of theirs."""
    return sum(not _is_refused(text) for text in malformed(count, seed))


def _is_refused(text: str) -> bool:
    try:
        parse(text).render({})
    except TemplateError as exc:
        lines = text.split("\n")
        return 1 <= exc.line <= len(lines) and 1 <= exc.column <= len(lines[exc.line - 1]) + 1 and bool(exc.fix)
    except MissingVariable:
        return False
    return False


def _text(opening: str, closing: str, first: str) -> str:
    """Return the template with the tags of a language; ``first`` is what it begins with."""
    filler = "lorem ipsum " * ((_SIZE - len(first)) // _VARIABLES // 12)
    return first + "".join(f"{filler}{opening}v{n}{closing}" for n in range(_VARIABLES))


def _ours() -> Callable[[], object]:
    template, parts = parse(_text("{{", "}}", '{{> header@2 title="Ada"}}')), _OnePart()
    return lambda: template.render(_VALUES, parts)


def _minijinja() -> Callable[[], object]:
    environment = minijinja.Environment(undefined_behavior="strict", auto_escape_callback=lambda _: False)
    first = _PART.replace("{", "{{ ").replace("}", " }}")
    environment.add_template("one", _text("{{ ", " }}", first))
    return lambda: environment.render_template("one", title="Ada", **_VALUES)


def _str_format() -> Callable[[], object]:
    text = _text("{", "}", _PART)
    return lambda: text.format(title="Ada", **_VALUES)


def _rounds(render: Callable[[], object]) -> tuple[float, ...]:
    render()
    return tuple(median(_once(render) for _ in range(RENDERINGS)) for _ in range(ROUNDS))


def _once(render: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    render()
    return (time.perf_counter_ns() - started) / 1_000
