"""Searches one text for what rules describe: one pass of a set, then the rules that it names, then their checks."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.privacy.detect.near import Words, around, just_before
from services.privacy.detect.offsets import code_points, encoded
from services.privacy.detect.patterns import Pattern, PatternSet
from services.privacy.detect.rules import Rule


class Hit(NamedTuple):
    """What a rule found in a text: code points."""

    rule: Rule
    start: int
    end: int
    confidence: float


class _Ready(NamedTuple):
    """A rule with its words. ``gate`` is the number of its words in the set, of a rule that needs one of them."""

    rule: Rule
    near: Words | None
    unless: Words | None
    gate: int | None


class _Shape(NamedTuple):
    """A pattern with the rules that have it, and the number of the set that says that it may be in a text."""

    pattern: Pattern
    rules: list[_Ready]
    trigger: int


class _Candidate(NamedTuple):
    """Where a shape is in a text, and the rules that may have it."""

    start: int
    end: int
    rules: list[_Ready]


class Searcher:
    """Some rules as one set."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the rules. Raises ``ValueError`` for a pattern that RE2 refuses."""
        words = {these: Words(these) for rule in rules for these in (rule.near, rule.unless) if these}
        numbers: dict[tuple[str, int, str], int] = {}
        for rule in rules:
            numbers.setdefault(_shape_of(rule), len(numbers))
        triggers: dict[str, int] = {}
        self._shapes = [
            _Shape(Pattern(pattern, group), [], triggers.setdefault(trigger, len(triggers)))
            for pattern, group, trigger in numbers
        ]
        gates: dict[tuple[str, ...], int] = {}
        for rule in rules:
            needs_word = bool(rule.near) and rule.alone <= 0
            gate = gates.setdefault(rule.near, len(triggers) + len(gates)) if needs_word else None
            ready = _Ready(rule, words.get(rule.near), words.get(rule.unless), gate)
            self._shapes[numbers[_shape_of(rule)]].rules.append(ready)
        self._set = PatternSet([*triggers, *(words[these].pattern for these in gates)])

    def hits(self, text: str, above: str = "", *, inner: bool = False) -> list[Hit]:
        """Return what the rules find; ``above`` are words before the text, ``inner`` says that it was decoded."""
        data = encoded(text)
        which = self._set.which(data)
        if not which:
            return []
        above = above.lower()
        found = list(self._candidates(data, which, above, inner=inner))
        if found and len(data) != len(text):
            at = code_points(data, {place for one in found for place in (one.start, one.end)})
            found = [_Candidate(at[start], at[end], rules) for start, end, rules in found]
        return [hit for one in found for hit in _checked(one, text, above)]

    def _candidates(self, data: bytes, which: frozenset[int], above: str, *, inner: bool) -> Iterator[_Candidate]:
        for pattern, rules, trigger in self._shapes:
            if trigger not in which:
                continue
            allowed = [one for one in rules if _may_hit(one, which, above) and (one.rule.layers or not inner)]
            if allowed:
                for start, end in pattern.spans(data):
                    yield _Candidate(start, end, allowed)


def _shape_of(rule: Rule) -> tuple[str, int, str]:
    return rule.pattern, rule.group, rule.trigger or rule.pattern


def _may_hit(one: _Ready, which: frozenset[int], above: str) -> bool:
    """Return whether a rule that needs a word has one somewhere."""
    return one.gate is None or one.gate in which or (bool(above) and one.near is not None and one.near.among(above))


def _checked(candidate: _Candidate, text: str, above: str) -> Iterator[Hit]:
    start, end, rules = candidate
    words = before = None
    for rule, near, unless, _ in rules:
        confidence = rule.confidence
        if near is not None:
            words = around(text, start, end, above) if words is None else words
            if not near.among(words):
                confidence = rule.alone
        if confidence <= 0:
            continue
        if unless is not None:
            before = just_before(text, start) if before is None else before
            if unless.among(before):
                continue
        part = _part(rule, text[start:end])
        if part is not None:
            yield Hit(rule, start + part[0], start + part[1], confidence)


def _part(rule: Rule, value: str) -> tuple[int, int] | None:
    """Return which part of what a pattern found is the value."""
    part: tuple[int, int] | None = (0, len(value))
    if rule.narrow is not None:
        part = rule.narrow(value)
        if part is None:
            return None
        value = value[part[0] : part[1]]
    return part if rule.validate is None or rule.validate(value) else None
