"""Check digits and classes of characters that several kinds share."""

from typing import Final

#: Letters of Latin, Greek and Cyrillic beyond ASCII, inside of brackets.
LETTERS: Final = r"\x{c0}-\x{24f}\x{370}-\x{52f}"
UPPER: Final = r"A-Z\x{c0}-\x{de}\p{Lu}"


#: Each digit doubled, as the sum of its digits.
_DOUBLED = str.maketrans("0123456789", "0246813579")


def digits_of(value: str) -> str:
    """Return the digits of a value without what separates them."""
    return "".join(char for char in value if "0" <= char <= "9")


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def passes_mod97(rearranged: str) -> bool:
    """Return whether letters and digits, letters as 10 to 35, leave 1 (ISO/IEC 7064, MOD 97-10)."""
    return int("".join(str(int(char, 36)) for char in rearranged)) % 97 == 1


def varied(digits: str) -> bool:
    """Return whether the digits are more than one or two repeated, which placeholders are."""
    return len(set(digits)) > 2
