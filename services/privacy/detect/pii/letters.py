"""Classes of characters for patterns. RE2's ``\\p{L}`` is large, and ideographs stand beside values without a space."""

from typing import Final

#: Letters of Latin, Greek and Cyrillic beyond ASCII, inside of brackets.
LETTERS: Final = r"\x{c0}-\x{24f}\x{370}-\x{52f}"
UPPER: Final = r"A-Z\x{c0}-\x{de}\p{Lu}"
