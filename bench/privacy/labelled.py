"""Labelled texts, and how findings compare with their labels."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from bench.privacy.corpora import corpus
from schemas.privacy.findings import Finding

#: Kinds by the names that presidio-research has for them.
_KINDS: Final[Mapping[str, str]] = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
    "DOMAIN_NAME": "url",
    "US_DRIVER_LICENSE": "driver_license",
    "PERSON": "name",
    "STREET_ADDRESS": "address",
}
#: Kinds with a pattern, which have the gate.
GATED: Final = ("email", "phone", "card", "iban", "ssn", "ip", "url")
#: Hints, and kinds of which the corpus labels but a few.
SHOWN: Final = ("driver_license", "name", "address")


class Labelled(NamedTuple):
    """A text with the kinds and the places of what is in it, as code points."""

    text: str
    spans: frozenset[tuple[str, int, int]]


@dataclass
class Score:
    """How often a kind was found where it is, found overlapping only, missed, and found where it is not."""

    found: int = 0
    overlapping: int = 0
    missed: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        """Percent of the labels that were found exactly."""
        labels = self.found + self.overlapping + self.missed
        return 100 * self.found / labels if labels else 100.0

    @property
    def overlapping_recall(self) -> float:
        """Percent of the labels that were found at least in part."""
        labels = self.found + self.overlapping + self.missed
        return 100 * (self.found + self.overlapping) / labels if labels else 100.0

    @property
    def precision(self) -> float:
        """Percent of the findings that are a label exactly."""
        findings = self.found + self.false
        return 100 * self.found / findings if findings else 100.0

    def __str__(self) -> str:
        labels = self.found + self.overlapping + self.missed
        return f"{self.found} of {labels} exact, {self.overlapping} overlapping, {self.false} false"


def presidio_research() -> list[Labelled]:
    """Return the texts of presidio-research's synthetic set. Raises ``NotThere`` where it is absent."""
    texts = json.loads(corpus("presidio-research/synth_even_templates.json").read_text("utf-8"))
    return [
        Labelled(
            one["full_text"],
            frozenset(
                (_KINDS[span["entity_type"]], span["start_position"], span["end_position"])
                for span in one["spans"]
                if span["entity_type"] in _KINDS
            ),
        )
        for one in texts
    ]


def scored(texts: Iterable[Labelled], find: Callable[[str], Iterable[Finding]]) -> dict[str, Score]:
    """Return the score of each kind, with exact places."""
    scores = {kind: Score() for kind in (*GATED, *SHOWN)}
    for text, labels in texts:
        found = {(one.kind, one.start, one.end) for one in find(text) if one.kind in scores}
        for kind, start, end in labels:
            score = scores[kind]
            if (kind, start, end) in found:
                score.found += 1
            elif any(other == kind and begin < end and start < stop for other, begin, stop in found):
                score.overlapping += 1
            else:
                score.missed += 1
        for kind, count in Counter(kind for kind, *_ in found - labels).items():
            scores[kind].false += count
    return scores


def together(scores: Iterable[Score]) -> Score:
    """Return scores of several kinds as one."""
    total = Score()
    for one in scores:
        total.found += one.found
        total.overlapping += one.overlapping
        total.missed += one.missed
        total.false += one.false
    return total
