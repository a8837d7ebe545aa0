"""Rules for instructions to a model, put together from the words of each language."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from services.privacy.detect.injection.lexicon import LANGUAGES, Lexicon, lexicon
from services.privacy.detect.injection.marks import FAMILY, MARK_RULES
from services.privacy.detect.rules import Rule

_TARGET = r"(?:[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+|h(?:tt|xx)ps?://[^\s]+)"


class _Template(NamedTuple):
    """How a rule is put together. ``needs`` is a meaning that is in every text it hits, the rarest of them."""

    name: str
    patterns: Callable[[Lexicon], list[str]]
    needs: str
    confidence: float
    negated: bool = False


def _drop_orders(words: Lexicon) -> list[str]:
    found = [words.row("drop", "former", "orders"), words.row("drop", "orders", "after")]
    return [*found, words.row("former", "orders", "drop")] if words.verb_last else found


def _drop_everything(words: Lexicon) -> list[str]:
    found = [words.row("drop", "everything")]
    return [*found, words.row("everything", "drop")] if words.verb_last else found


def _void(words: Lexicon) -> list[str]:
    return [
        words.row("former", "task", "void"),
        words.row("task", "after", "void"),
        words.row("everything", "void"),
    ]


def _persona(words: Lexicon) -> list[str]:
    found = [
        words.row("be", "ai", "free"),
        words.row("be", "free", "ai"),
    ]
    return [*found, words.row("free", "ai", "be")] if words.verb_last else found


def _dan(words: Lexicon) -> list[str]:
    return [words.row("be", "(?:DAN)")]


def _mode(words: Lexicon) -> list[str]:
    return [words.row("mode", "off"), words.row("mode", "free"), words.row("be", "mode")]


def _safety_off(words: Lexicon) -> list[str]:
    # One word in German, two in English, the other way round in French.
    near = r"[^.!?\n]{0,3}(?:[^\s.!?]+ )?(?:[^\s.!?]+ )?"
    safety, limits = words.word("safety"), words.word("limits")
    one = f"(?:{safety}{near}{limits}|{limits}{near}{safety})"
    found = [words.row("off", one)]
    return [*found, words.row(one, "off")]


def _leak(words: Lexicon) -> list[str]:
    found = [words.row("show", "prompt")]
    return [*found, words.row("prompt", "show")] if words.verb_last or words.language == "en" else found


def _exfiltration(words: Lexicon) -> list[str]:
    target = f"(?:{_TARGET}|{words.word('place')})"
    found = [words.row("send", "...", "private", "...", target)]
    if words.verb_last:
        found += [
            words.row("private", "...", target, "...", "send"),
            words.row("private", "...", "send", "...", target),
        ]
    return [*found, words.row("private", "...", "send", "...", target)] if words.language == "en" else found


def _hush(words: Lexicon) -> list[str]:
    return [words.row("hush", "...", "do"), words.row("do", "...", "hush")]


def _note(words: Lexicon) -> list[str]:
    return [words.word("note")]


def _noted(words: Lexicon) -> list[str]:
    return [
        words.row("note", "...", f"(?:{'|'.join(words.words[it] for it in ('drop', 'do', 'stop', 'fresh', 'send'))})")
    ]


def _boss(words: Lexicon) -> list[str]:
    return [words.row("boss", "order"), words.row("boss", "off")]


def _fresh(words: Lexicon) -> list[str]:
    return [words.word("fresh")]


def _stop(words: Lexicon) -> list[str]:
    return [words.word("stop")]


_TEMPLATES: Final[tuple[_Template, ...]] = (
    _Template("drop-orders", _drop_orders, "orders", 0.9, negated=True),
    _Template("drop-everything", _drop_everything, "everything", 0.85, negated=True),
    _Template("void", _void, "void", 0.8),
    _Template("persona", _persona, "free", 0.85),
    _Template("persona-dan", _dan, "", 0.8),
    _Template("mode", _mode, "mode", 0.8),
    _Template("safety-off", _safety_off, "safety", 0.75, negated=True),
    _Template("leak", _leak, "prompt", 0.85, negated=True),
    _Template("exfiltration", _exfiltration, "send", 0.75, negated=True),
    _Template("hush", _hush, "hush", 0.7),
    _Template("note", _note, "note", 0.6),
    _Template("noted", _noted, "note", 0.85),
    _Template("boss", _boss, "boss", 0.8),
    _Template("fresh", _fresh, "fresh", 0.65),
    _Template("stop", _stop, "stop", 0.4),
)


def _rules_of(language: str) -> list[Rule]:
    words = lexicon(language)
    return [_rule(words, template) for template in _TEMPLATES]


def _rule(words: Lexicon, template: _Template) -> Rule:
    before = rf"(?:(?:{words.words['negation']})[ ])?" if template.negated else ""
    return Rule(
        f"injection/{words.language}-{template.name}",
        "injection",
        words.whole("|".join(template.patterns(words)), before),
        template.confidence,
        group=1,
        validate=_check(words, template),
        family=FAMILY,
        trigger=words.somewhere(template.needs),
    )


#: Words of a rule that are farther apart belong to different thoughts.
_LONGEST: Final = 200


def _check(words: Lexicon, template: _Template) -> Callable[[str], bool]:
    """Return a check that long matches fail, and "do not ignore the rules"."""
    negated = re.compile(rf"(?i)(?:{words.words['negation']}) (?:{words.words['drop']})")

    def check(value: str) -> bool:
        return len(value) <= _LONGEST and not (template.negated and negated.match(value))

    return check


INJECTION_RULES: Final[tuple[Rule, ...]] = (
    *MARK_RULES,
    *(rule for language in LANGUAGES for rule in _rules_of(language)),
)
