"""One score from all signs of an injection in a text."""

from collections.abc import Iterable
from typing import Final

from schemas.privacy.findings import Finding

#: A text of this score or more is one with an injection, unless a policy says otherwise. Single weak signs stay below.
FLAGGED: Final = 0.6


def injection_score(findings: Iterable[Finding]) -> float:
    """Return from 0 to 1 how likely the findings of one text are an injection.

    The rules are taken as independent witnesses (noisy or): two of 0.5 make 0.75. The same rule counts once.
    """
    surest: dict[str, float] = {}
    for one in findings:
        if one.data_class == "injection":
            surest[one.rule] = max(surest.get(one.rule, 0.0), one.confidence)
    innocent = 1.0
    for confidence in surest.values():
        innocent *= 1 - confidence
    return 1 - innocent
