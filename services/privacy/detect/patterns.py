"""RE2 over bytes: which of many patterns are in a text, and where."""

from collections.abc import Iterator, Sequence

import re2
from re2 import _re2

#: Memory of one set's automaton. A set that runs out of it answers nothing, which ``which`` notices.
SET_MEMORY = 64 << 20
RULE_MEMORY = 8 << 20
_ANYWHERE = _re2.RE2.Anchor.UNANCHORED


class PatternSet:
    """Says which of many patterns are in a text, in one pass over it."""

    __slots__ = ("_all", "_set")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile them. Raises ``ValueError`` with the pattern that RE2 refuses, or when they are too many."""
        found = re2.Set.SearchSet(_options(SET_MEMORY))
        for pattern in patterns:
            try:
                found.Add(pattern)
            except re2.error as exc:
                raise ValueError(f"not a pattern of RE2: {pattern}") from exc
        # Is in every text: an answer without it is one of a set that ran out of memory, which looks like no hit.
        found.Add("(?:)")
        try:
            found.Compile()
        except re2.error as exc:
            raise ValueError("the patterns need more memory than a set may have: shorten their repeats") from exc
        self._set = found
        self._all = frozenset(range(len(patterns)))

    def which(self, data: bytes) -> frozenset[int]:
        """Return the numbers of the patterns in a text; all of them when the set could not decide."""
        hit = self._set.Match(data)
        if not hit:
            return self._all
        if len(hit) == 1:
            return _NONE
        return self._all.intersection(hit)


_NONE: frozenset[int] = frozenset()


class Pattern:
    """One pattern, for the places where it is."""

    __slots__ = ("_found", "_group")

    def __init__(self, pattern: str, group: int = 0) -> None:
        """Compile it. Raises ``ValueError``."""
        # The class beneath that of the module, which makes a generator and an object of each match: most of its time.
        found = _re2.RE2(pattern.encode(), _options(RULE_MEMORY))
        if not found.ok():
            raise ValueError(f"not a pattern of RE2: {pattern}")
        if not 0 <= group <= found.NumberOfCapturingGroups():
            raise ValueError(f"the pattern has no group {group}: {pattern}")
        self._found = found
        self._group = group

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where its group is, in bytes. The search continues behind the group, not behind the match."""
        at, last, match, group = 0, len(data), self._found.Match, self._group
        while at <= last:
            found = match(_ANYWHERE, data, at, last)
            if found[0][0] < 0:
                return
            start, end = found[group]
            if start < 0 or start == end:  # a group that took no part, or an empty one
                at = max(found[0][1], at + 1)
                continue
            yield start, end
            at = end

    def is_in(self, data: bytes) -> bool:
        """Return whether it is in a text."""
        return bool(self._found.Match(_ANYWHERE, data, 0, len(data))[0][0] >= 0)


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False  # they would name the pattern on stderr at each text
    return options
