"""Ports of the detectors: engines and classifiers that are not rules."""

from collections.abc import Sequence
from typing import Protocol

from schemas.privacy.findings import Finding


class Engine(Protocol):
    """Finds kinds in a text: the rules, or another library behind the same door."""

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Return what is in a text, none of it overlapping, by its place. Raises ``DetectorFailed``, never passes."""
        ...


class Scorer(Protocol):
    """A classifier: how likely a text holds something, such as instructions to a model. It scores; policies decide."""

    @property
    def name(self) -> str:
        """The name that findings have as their rule, with its version."""
        ...

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Return a score from 0 to 1 for each text. Raises ``DetectorFailed``."""
        ...
