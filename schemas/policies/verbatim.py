"""Whether an argument is what a person wrote: its value stands as whole tokens in text that is trusted.

A value that stands there may be used although a model that has read untrusted content wrote the call: the content did
not make it. Short values stand somewhere by accident (the file ``13`` in "June 13"): they count only behind a word that
the policy names.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from schemas.labels.label import Integrity
from schemas.policies.arguments import argument_labels, has_effects, sink_of
from schemas.policies.document import Endorsement
from schemas.policies.facts import ToolFacts
from schemas.policies.patterns import matches
from schemas.records.base import Json

#: What may stand between white space and a token: opening before it, closing after it.
_OPENING = "([{<\"'`‘“«*_"
_CLOSING = ")]}>\"'`’”».,;:!?*_"
_BETWEEN = " \t\n#:="
#: Marks between a token and white space that are looked at.
_MARKS = 8
#: Values of one argument that are looked for.
_MAX_VALUES = 256


def endorsed_arguments(endorsements: Sequence[Endorsement], facts: ToolFacts) -> dict[str, bool]:
    """Return the arguments that are not trusted by their labels and whose values stand in trusted texts."""
    found: dict[str, bool] = {}
    if not facts.trusted:
        return found
    effects = has_effects(facts.security, facts.args)
    where, labels = facts.where, argument_labels(facts.args, facts.labels)
    for one in endorsements:
        named = matches(one.tools, facts.tool) and matches(one.workflows, where.workflow)
        if not (named and matches(one.nodes, where.node)):
            continue
        for name, value in facts.args.items():
            if found.get(name) or not (
                name in one.arguments or sink_of(facts.security, name, effects=effects) in one.sinks
            ):
                continue
            if labels[name].integrity > Integrity.USER:
                found[name] = stands_in(value, facts.trusted, one.min_chars, one.after, marked=one.marked)
    return found


def stands_in(
    value: Json, texts: Sequence[str], min_chars: int, after: Sequence[str] = (), *, marked: bool = False
) -> bool:
    """Return whether a value, or each item of a list, stands in one of the texts as whole tokens.

    A value of less than ``min_chars`` characters counts only right behind one of the words ``after``; if it must be
    ``marked``, so does one of letters and spaces alone. Nothing (``null`` and an empty list) stands everywhere, objects
    and truth values nowhere.
    """
    if value is None:
        return True
    if isinstance(value, list | tuple):
        return len(value) <= _MAX_VALUES and all(
            stands_in(one, texts, min_chars, after, marked=marked) for one in value
        )
    for written in _forms(value):
        alone = len(written) >= min_chars and not (marked and written.replace(" ", "").isalpha())
        if any(_stands(written, text, after, alone=alone) for text in texts):
            return True
    return False


def _forms(value: Json) -> Iterator[str]:
    """Yield how people write a value."""
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(str(value))
        if not number.is_finite():
            return
        plain = f"{number:f}"
        yield plain
        if number == number.to_integral_value() and abs(number) < 10**15:
            whole = int(number)
            yield from (f"{whole}", f"{whole:,}", f"{whole}.0", f"{whole}.00", f"{whole:,}.00")
        else:
            yield from (f"{number:.2f}",) if number == round(number, 2) else ()


def _stands(value: str, text: str, after: Sequence[str], *, alone: bool) -> bool:
    """Return whether a value stands in a text; ``alone``: without a word before it."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if _ends(text, end):
            if alone and _begins(text, at):
                return True
            if any(_follows(text, at, word) for word in after):
                return True
        at = text.find(value, at + 1)
    return False


def _begins(text: str, at: int) -> bool:
    """Return whether a token may begin here: behind white space and opening marks."""
    before = text[max(at - _MARKS, 0) : at].rstrip(_OPENING)
    return at == 0 or (not before and at <= _MARKS) or before[-1:].isspace()


def _ends(text: str, end: int) -> bool:
    behind = text[end : end + _MARKS].lstrip(_CLOSING)
    return behind[:1].isspace() or (not behind and end + _MARKS >= len(text))


def _follows(text: str, at: int, word: str) -> bool:
    """Return whether a word stands before this place, with no more than spaces and signs between them."""
    before = text[max(at - len(word) - 2 * _MARKS, 0) : at].rstrip(_BETWEEN).rstrip(_OPENING).rstrip(_BETWEEN)
    if not before.lower().endswith(word.lower()):
        return False
    start = len(before) - len(word)
    return (start == 0 and at <= len(word) + 2 * _MARKS) or not (before[start - 1 : start] + word[:1]).isalnum()
