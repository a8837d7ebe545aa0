"""Searches one text for what rules describe: sets say which rules, only those are searched for, then checked."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.privacy.detect.near import Words, around, code_points, encoded, just_before
from services.privacy.detect.patterns import Pattern, PatternSet
from services.privacy.detect.rules import Family, Rule

_FOLDED: Final = ("folded",)
_CIPHERS: Final = ("rot", "reversed", "atbash", "leet")
_PERSONAL: Final = frozenset(("pii", "card"))


class Hit(NamedTuple):
    """What a rule found in a text: code points."""

    rule: Rule
    start: int
    end: int
    confidence: float


class _Ready(NamedTuple):
    """A rule with its words. ``gate`` is the number of its words in their set, of a rule that needs one of them."""

    rule: Rule
    near: Words | None
    unless: Words | None
    gate: int | None


class _Shape(NamedTuple):
    """A pattern with the rules that have it."""

    pattern: Pattern
    rules: list[_Ready]


class _Candidate(NamedTuple):
    """Where a shape is in a text, and the rules that may have it."""

    start: int
    end: int
    rules: list[_Ready]


class _Bundle:
    """The rules of one family as one set, with triggers of other families behind its own patterns."""

    def __init__(self, rules: Sequence[_Ready], triggers: Sequence[str] = ()) -> None:
        shapes: dict[tuple[str, int, str], list[_Ready]] = {}
        for ready in rules:
            rule = ready.rule
            shapes.setdefault((rule.pattern, rule.group, rule.trigger or rule.pattern), []).append(ready)
        by_trigger: dict[str, list[_Shape]] = {}
        for (pattern, group, trigger), of_it in shapes.items():
            by_trigger.setdefault(trigger, []).append(_Shape(Pattern(pattern, group), of_it))
        self._shapes = list(by_trigger.values())
        self._set = PatternSet([*by_trigger, *triggers])

    def hit(self, data: bytes) -> tuple[list[_Shape], list[int]]:
        """Return the shapes in a text, and the numbers of the triggers in it."""
        which, count = self._set.which(data), len(self._shapes)
        if not which:
            return [], []
        numbers = sorted(which)
        shapes = [shape for one in numbers if one < count for shape in self._shapes[one]]
        return shapes, [one - count for one in numbers if one >= count]


class _Triggered:
    """Families that are read only where their trigger is."""

    def __init__(self, families: dict[Family, list[_Ready]]) -> None:
        self.triggers = [family.trigger for family in families]
        self._bundles = [_Bundle(rules) for rules in families.values()]

    def bundles(self, numbers: Sequence[int]) -> list[_Bundle]:
        """Return the families of these triggers."""
        return [self._bundles[number] for number in numbers]


class Searcher:
    """Some rules, compiled."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile the rules. Raises ``ValueError`` for a pattern that RE2 refuses."""
        words = {these: Words(these) for rule in rules for these in (rule.near, rule.unless) if these}
        gates: dict[tuple[str, ...], int] = {}
        families: dict[Family, list[_Ready]] = {}
        for rule in rules:
            needs_word = bool(rule.near) and rule.alone <= 0
            gate = gates.setdefault(rule.near, len(gates)) if needs_word else None
            ready = _Ready(rule, words.get(rule.near), words.get(rule.unless), gate)
            families.setdefault(rule.of_family, []).append(ready)
        shaped = {family: of_it for family, of_it in families.items() if family.trigger and not family.words}
        worded = {family: of_it for family, of_it in families.items() if family.trigger and family.words}
        others = [of_it for family, of_it in families.items() if not family.trigger]
        self._shaped = _Triggered(shaped)
        self._worded = _Triggered(worded)
        self._first = _Bundle(others[0] if others else (), self._shaped.triggers)
        self._words = _Bundle((), self._worded.triggers) if worded else None
        self._others = [_Bundle(of_it) for of_it in others[1:]]
        self._gates = PatternSet([words[these].pattern for these in gates])

    def hits(self, text: str, above: str = "", via: tuple[str, ...] = ()) -> list[Hit]:
        """Return what the rules find; ``above`` are words before the text, ``via`` the decodings that led to it."""
        data = encoded(text)
        shapes = self._shapes_in(data, encoded(above) if above else b"")
        if not shapes:
            return []
        found = list(self._candidates(data, shapes, above, via))
        if found and len(data) != len(text):
            at = code_points(data, {place for one in found for place in (one.start, one.end)})
            found = [_Candidate(at[start], at[end], rules) for start, end, rules in found]
        likely = [one for candidate in found for one in _likely(candidate, text, above)]
        return _checked(likely, text)

    def _shapes_in(self, data: bytes, above: bytes) -> list[_Shape]:
        shapes, triggers = self._first.hit(data)
        bundles = [*self._shaped.bundles(triggers), *self._others]
        if self._words is not None:
            words = self._words.hit(data)[1]
            if above:
                words = sorted({*words, *self._words.hit(above)[1]})
            bundles += self._worded.bundles(words)
        for bundle in bundles:
            shapes.extend(bundle.hit(data)[0])
        return shapes

    def _candidates(
        self, data: bytes, shapes: Sequence[_Shape], above: str, via: tuple[str, ...]
    ) -> Iterator[_Candidate]:
        needs_word = any(one.gate is not None for shape in shapes for one in shape.rules)
        words = self._gates.which(data) if needs_word else frozenset()
        for pattern, rules in shapes:
            allowed = [one for one in rules if (not via or _reads(one.rule, via)) and _may_hit(one, words, above)]
            if allowed:
                for start, end in pattern.spans(data):
                    yield _Candidate(start, end, allowed)


def _reads(rule: Rule, via: tuple[str, ...]) -> bool:
    """Return whether a rule reads a decoded text. Numbers that a cipher makes are nobody's."""
    if via == _FOLDED:
        return True
    in_cipher = any(one.startswith(_CIPHERS) for one in via)
    return rule.layers and not (in_cipher and rule.of_class in _PERSONAL)


def _may_hit(one: _Ready, words: frozenset[int], above: str) -> bool:
    """Return whether a rule that needs a word has one somewhere."""
    return (
        one.gate is None
        or one.gate in words
        or (bool(above) and one.near is not None and one.near.among(encoded(above)))
    )


def _likely(candidate: _Candidate, text: str, above: str) -> Iterator[Hit]:
    """Yield what a candidate is by the words around it, not checked yet."""
    start, end, rules = candidate
    words = before = last = None
    is_near = False
    for rule, near, unless, _ in rules:
        confidence = rule.confidence
        if near is not None:
            words = around(text, start, end, above) if words is None else words
            if near is not last:  # rules of one family mostly have the same words
                last, is_near = near, near.among(words)
            if not is_near:
                confidence = rule.alone
        if confidence <= 0:
            continue
        if unless is not None:
            before = just_before(text, start) if before is None else before
            if unless.among(before):
                continue
        yield Hit(rule, start, end, confidence)


def _checked(likely: list[Hit], text: str) -> list[Hit]:
    """Return what passes its check. The surest first: what is within a surer one of its kind is not checked at all."""
    hits: list[Hit] = []
    known: dict[str, tuple[list[int], list[int]]] = {}
    for rule, start, end, confidence in sorted(likely, key=lambda one: -one.confidence):
        starts, ends = known.setdefault(rule.kind, ([], []))
        place = bisect_right(starts, start)
        if place and ends[place - 1] >= end:
            continue
        part = _part(rule, text[start:end])
        if part is not None:
            begin, stop = start + part[0], start + part[1]
            place = bisect_right(starts, begin)
            starts.insert(place, begin)
            ends.insert(place, stop)
            hits.append(Hit(rule, begin, stop, confidence))
    return hits


def _part(rule: Rule, value: str) -> tuple[int, int] | None:
    """Return which part of what a pattern found is the value."""
    part: tuple[int, int] | None = (0, len(value))
    if rule.narrow is not None:
        part = rule.narrow(value)
        if part is None:
            return None
        value = value[part[0] : part[1]]
    return part if rule.validate is None or rule.validate(value) else None
