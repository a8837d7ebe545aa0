"""Check digits that several kinds share."""


def digits_of(value: str) -> str:
    """Return the digits of a value without what separates them."""
    return "".join(char for char in value if "0" <= char <= "9")


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        digit = ord(char) - 48
        if place % 2:
            digit *= 2
            if digit > 9:
                digit -= 9
        total += digit
    return total % 10 == 0


def passes_mod97(rearranged: str) -> bool:
    """Return whether letters and digits, letters as 10 to 35, leave 1 (ISO/IEC 7064, MOD 97-10)."""
    return int("".join(str(int(char, 36)) for char in rearranged)) % 97 == 1


def varied(digits: str) -> bool:
    """Return whether the digits are more than one or two repeated, which placeholders are."""
    return len(set(digits)) > 2
