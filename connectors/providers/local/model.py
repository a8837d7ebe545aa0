"""The ``local`` models: deterministic, extractive, without a key or a network.

==============  ==============================================  ====================================
model           sentences                                       key terms
==============  ==============================================  ====================================
local-gold      TextRank over all sentences                     repeated phrases of up to two words
local-silver    Luhn's density of significant words             most frequent words
local-bronze    the lead: first sentences, spread over parts    none
local-echo      the prompt's last words (the test model)        none; imports no library
==============  ==============================================  ====================================

The same prompt gives the same answer, on every machine and in every process. A longer text gets a longer
answer, and ``max_tokens`` is obeyed: the answer drops sentences to fit, and is cut (``length``) only when
one does not. A prompt that shows a JSON object to answer with gets one, see ``local_json``.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connectors.providers.local import extract, json_answers, tokens
from connectors.providers.local.images import CANNOT_SEE
from connectors.providers.local.prompt import COUNTS, KEY_SENTENCES, KEY_TERMS, Part, Reading, read
from schemas.errors import StepError

ECHO = "local-echo"
_ECHO_WORDS = 12
_TERMS = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said. ``finish_reason`` is ``stop``, or ``length`` when ``max_tokens`` cut it."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class _Tier:
    """How one model works: the most sentences that it quotes, its ranking, its terms."""

    most: int
    rank: Callable[[Sequence[Sequence[str]], int], list[str]]
    terms: Callable[[str, int], list[str]] | None


@dataclass(frozen=True, slots=True)
class _Findings:
    reading: Reading
    found: list[str]
    ranked: list[str]
    terms: list[str]


def _flat(parts: Sequence[Sequence[str]], wanted: int) -> list[str]:
    return extract.candidates([s for part in parts for s in part], wanted)


_TIERS = {
    "local-gold": _Tier(12, lambda parts, n: extract.by_textrank(_flat(parts, n)), extract.key_phrases),
    "local-silver": _Tier(8, lambda parts, n: extract.by_luhn(_flat(parts, n)), extract.frequent_words),
    "local-bronze": _Tier(5, extract.lead, None),
}
MODELS = (*_TIERS, ECHO)


def answer(model: str, prompt: str, max_tokens: int, seen: str = "") -> Answer:
    """Answer a prompt; CPU work only. ``seen`` is what is measured of pictures, in words.

    Raises ``StepError`` for an unknown model or a missing package.
    """
    counted = tokens.count(prompt) + tokens.count(seen)
    if seen and (model == ECHO or json_answers.shape_of(prompt) is not None):
        prompt = f"{prompt}\n\n{seen}"
    if model == ECHO:
        text, was_cut = tokens.cut(_echo(prompt), max_tokens)
    elif model in _TIERS and seen and json_answers.shape_of(prompt) is None:
        # Quotes of the prompt would read as if they were of the picture.
        text, was_cut = tokens.cut(f"{CANNOT_SEE}\n{seen}", max_tokens)
    elif model in _TIERS:
        text, was_cut = _answered(_TIERS[model], prompt, max_tokens)
    else:
        raise StepError("provider_rejected", f"no model {model!r} here; choose one of {', '.join(MODELS)}")
    return Answer(text, "length" if was_cut else "stop", counted, tokens.count(text))


def _answered(tier: _Tier, prompt: str, max_tokens: int) -> tuple[str, bool]:
    shape = json_answers.shape_of(prompt)
    if shape is None:
        return _fitting(_versions(_find(tier, read(prompt))), max_tokens)
    return _fitting(json_answers.versions(shape, lambda: _sentences(tier, shape.material)), max_tokens)


def _sentences(tier: _Tier, material: str) -> list[str]:
    """Return the best sentences of a text, in its order; the whole of one that has none."""
    found = _find(tier, read(material))
    return [quote.removeprefix("- ") for quote in _quotes(found, len(found.ranked))] or [" ".join(material.split())]


def _echo(prompt: str) -> str:
    """Quote the prompt's last words: short, and different for different material."""
    return " ".join(prompt[-400:].split()[-_ECHO_WORDS:])


def _find(tier: _Tier, reading: Reading) -> _Findings:
    parts = [extract.sentences(part.paragraphs) for part in reading.parts]
    found = [sentence for part in parts for sentence in part]
    wanted = min(max(2, -(-len(found) // 5)), tier.most)
    ranked = tier.rank(parts, wanted) if found else []
    return _Findings(reading, found, ranked[:wanted], _terms(tier, reading, found, ranked))


def _terms(tier: _Tier, reading: Reading, found: Sequence[str], ranked: Sequence[str]) -> list[str]:
    """Return the terms that most parts report, else those of the text (of a long one, its best sentences)."""
    reported = Counter(term for part in reading.parts for term in part.terms)
    if reported:
        return [term for term, _ in reported.most_common(_TERMS)]
    if tier.terms is None or not found:
        return []
    material = found if len(found) <= len(ranked) * 2 else ranked
    return tier.terms("\n".join(material), _TERMS)


def _fitting(versions: Iterator[str], max_tokens: int) -> tuple[str, bool]:
    text = ""
    for text in versions:
        if tokens.count(text) <= max_tokens:
            return text, False
    return tokens.cut(text, max_tokens)


def _versions(findings: _Findings) -> Iterator[str]:
    """Yield the answer from its longest form to its shortest: with fewer sentences, at last one alone."""
    reading = findings.reading
    if not findings.found:
        yield "There is no text here to work on."
        return
    ending = [_counts(reading, findings.found)]
    if findings.terms:
        ending.insert(0, f"{KEY_TERMS} {', '.join(findings.terms)}")
    for size in range(len(findings.ranked), 0, -1):
        yield "\n".join([_title(reading), *_quotes(findings, size), *ending])
    yield "\n".join(_quotes(findings, 1)).removeprefix("- ")


def _quotes(findings: _Findings, size: int) -> list[str]:
    """Return the best ``size`` sentences in the order of the text."""
    best = set(findings.ranked[:size])
    return [f"- {sentence}" for sentence in dict.fromkeys(findings.found) if sentence in best]


def _title(reading: Reading) -> str:
    if reading.task == "analyze":
        return KEY_SENTENCES
    return f"Summary of {_many(len(reading.parts), 'part')}:"


def _counts(reading: Reading, found: Sequence[str]) -> str:
    total = sum(_words(part) for part in reading.parts)
    paragraphs = sum(len(part.paragraphs) for part in reading.parts)
    said = [_many(len(found), "sentence"), _many(total, "word"), _many(paragraphs, "paragraph")]
    if len(reading.parts) > 1:
        said = [_many(len(reading.parts), "part"), f"made from {_many(total, 'word')}"]
    return f"{COUNTS} {', '.join(said)}"


def _words(part: Part) -> int:
    if part.words is not None:
        return part.words
    return sum(len(extract.words(paragraph)) for paragraph in part.paragraphs)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
