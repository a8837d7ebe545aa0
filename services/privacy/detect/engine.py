"""Searches texts for what rules describe.

A text is read in layers: itself in canonical form, then the texts that are encoded in it. For each layer

1. one pass of a set of RE2 says which rules, and which of their words, are in it at all;
2. only those rules are searched for, over bytes;
3. places become code points, words near them are looked at, and what was found is checked;
4. places become those of the original text, and of findings that overlap the surest one stays.

Time is linear in the text. What fails raises ``DetectorFailed``: a text is never passed because it was not read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from schemas.errors import StepError, TooLarge
from schemas.privacy.findings import Finding, Found, apart
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.ports import Engine
from services.privacy.detect.rules import Rule
from services.privacy.detect.searcher import Hit, Searcher
from services.privacy.detect.values import LIMITS, Limits, texts_of, too_large
from services.privacy.sanitise import canonical
from services.privacy.sanitise.canonical import layers
from services.privacy.sanitise.findings import influence_findings

#: How a finding in a key of an object says so: its path leads to the key's value, its span is in the key.
IN_KEY = "key"

_INFLUENCE = frozenset(("injection", "exfiltration"))

T = TypeVar("T")


class Detectors:
    """The rules that a text is searched for. Compiling takes some 10 ms, so keep one."""

    def __init__(
        self,
        rules: Sequence[Rule],
        limits: Limits = LIMITS,
        *,
        beside: "Detectors | None" = None,
        engines: Sequence[Engine] = (),
        influence: bool = False,
    ) -> None:
        """Compile the rules. Those of ``beside`` are searched for as well, without compiling them again.

        ``engines`` are asked about every text, too, and what they find counts like what rules find. With ``influence``
        links that carry data away and invisible text are found as well, which no pattern describes. Raises
        ``ValueError`` for a pattern that RE2 refuses, or an id that comes twice.
        """
        self.rules: tuple[Rule, ...] = (*(beside.rules if beside else ()), *rules)
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError(f"rules with the same id: {sorted({one for one in ids if ids.count(one) > 1})}")
        self._limits = limits
        self._layers = canonical.Limits(chars=limits.characters)
        keyed = [rule for rule in rules if rule.keyed]
        self.searchers: tuple[Searcher, ...] = (*(beside.searchers if beside else ()), Searcher(rules))
        self.keyed: tuple[Searcher, ...] = (*(beside.keyed if beside else ()), *([Searcher(keyed)] if keyed else ()))
        self.influence: bool = influence or (beside is not None and beside.influence)
        self.engines: tuple[Engine, ...] = (*(beside.engines if beside else ()), *engines)

    @property
    def is_slow(self) -> bool:
        """Whether other engines look, too, which take milliseconds where the rules take microseconds."""
        return bool(self.engines)

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Return what is in a text, by its place.

        No finding of data overlaps another, and none of influence does; one of data may be within one of influence.
        ``above`` are words that stand before the text without being of it, such as a column's name. Raises
        ``DetectorFailed`` for a text over the limits and for every failure.
        """
        return _guarded(lambda: self._find(text, above))

    def find_in(self, value: Any) -> list[Found]:
        """Return what is in the texts, the long numbers and the keys of a JSON value.

        The keys above a text are words near it. A finding in a key has the path of the key's value and ``via`` starts
        with ``key``. The span of a finding in a number is that of its digits. Raises ``DetectorFailed``.
        """
        return _guarded(lambda: list(self._find_in(value)))

    def _find_in(self, value: Any) -> Iterator[Found]:
        for path, text, above, is_key in texts_of(value, self._limits):
            for finding in self._find(text, above):
                yield Found(path=path, finding=_in_key(finding) if is_key else finding)

    def _find(self, text: str, above: str) -> list[Finding]:
        if len(text) > self._limits.characters:
            raise too_large(self._limits)
        read = layers(text, self._layers)
        found = [
            _finding(hit, *layer.span(hit.start, hit.end), layer.via)
            for layer in read
            for searcher in self.searchers
            for hit in searcher.hits(layer.text, above, layer.via)
        ]
        if above:
            found.extend(self._behind_key(text, above))
        for engine in self.engines:
            found.extend(_within(engine.find(text, above), len(text)))
        if self.influence:
            found.extend(influence_findings(text, read))
        return _apart(found) if len(found) > 1 else found

    def _behind_key(self, text: str, above: str) -> Iterator[Finding]:
        """Yield what is found in ``key: text``, as far as it is in the text."""
        prefix = f"{above}: "
        for searcher in self.keyed:
            for hit in searcher.hits(prefix + text):
                start, end = max(0, hit.start - len(prefix)), hit.end - len(prefix)
                if end > start:
                    yield _finding(hit, start, end)


def _apart(found: Sequence[Finding]) -> list[Finding]:
    """Return what is left of data and of influence, each by itself: an address within an attack is still an address."""
    data = apart([one for one in found if one.data_class not in _INFLUENCE])
    if len(data) == len(found):
        return data
    influence = apart([one for one in found if one.data_class in _INFLUENCE])
    return sorted((*data, *influence), key=lambda one: (one.start, one.end)) if influence else data


def _within(findings: Sequence[Finding], length: int) -> Sequence[Finding]:
    """Return another engine's findings. Raises ``DetectorFailed`` for one outside of the text."""
    for one in findings:
        if not (0 <= one.start < one.end <= length and 0 < one.confidence <= 1):
            raise DetectorFailed("failed", f"{one.rule} found something outside of the text: nothing was let pass")
    return findings


def _finding(hit: Hit, start: int, end: int, via: tuple[str, ...] = ()) -> Finding:
    rule = hit.rule
    return Finding(
        kind=rule.kind,
        data_class=rule.of_class,
        start=start,
        end=end,
        confidence=hit.confidence,
        rule=rule.id,
        via=via,
    )


def _in_key(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, via=(IN_KEY, *finding.via))


def _guarded(search: Callable[[], T]) -> T:
    """Return what a search returns. Whatever it raises refuses the text, and says nothing of it."""
    try:
        return search()
    except StepError:
        raise
    except TooLarge as exc:  # of the layers; its message has sizes only
        raise DetectorFailed("too_deep" if isinstance(exc, canonical.TooDeep) else "too_large", str(exc)) from None
    except Exception as exc:  # noqa: BLE001 - every failure is a refusal
        # The cause is left out, since its text may have a part of the value.
        raise DetectorFailed("failed", f"the detectors failed ({type(exc).__name__}): nothing was let pass") from None
