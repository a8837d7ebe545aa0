"""The token of the ``local`` models: up to 16 word characters in a run, or one other visible character.

``"Don't stop."`` is five tokens: ``Don``, ``'``, ``t``, ``stop``, ``.``; a word of 40 letters is three. White space is
free. Prompts and answers are counted by this one rule, so usage, estimates and ``max_tokens`` agree exactly.
"""

import re

_TOKEN = re.compile(r"\w{1,16}|[^\w\s]")


def count(text: str) -> int:
    """Return the number of tokens in ``text``."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut(text: str, max_tokens: int) -> tuple[str, bool]:
    """Return the longest prefix with at most ``max_tokens`` tokens, and true if something was cut off."""
    end = 0
    for seen, token in enumerate(_TOKEN.finditer(text)):
        if seen == max_tokens:
            return text[:end], True
        end = token.end()
    return text, False
