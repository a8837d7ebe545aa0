"""What may be a password or a key behind the name of one, and what only stands there."""

import re
from typing import Final

from services.privacy.detect.secrets.lookalikes import from_code, hashed, placeholder, plain_word
from services.privacy.detect.secrets.randomness import entropy, random_looking, uuid

_LONGEST_PASSWORD: Final = 128
#: First characters of files in Base64: pictures, fonts, PDF, archives, certificates, public keys of SSH.
_FILE: Final = re.compile(
    r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|JVBERi0|PHN2Zy|PD94bWw|d09GM|d09GR|UEsDB|H4sI|MII|AAAAB3Nza|AAAAC3Nza|AAAAE2Vj|AAABAA"
)
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|/[a-z]|\.{1,2}/|[A-Z]:\\|www\.|[\w.+-]+@[\w-]+\.\w+$")
_HASH_LENGTHS: Final = frozenset((32, 40, 56, 64, 96, 128))
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]+$")


def password_value(value: str) -> bool:
    """Return whether a quoted value, or one on a line of its own, may be a password."""
    value = value.strip()
    if not 4 <= len(value) <= _LONGEST_PASSWORD or len(set(value)) < 3 or value[0] in ",;)]}+":
        return False
    if placeholder(value) or from_code(value) or hashed(value) or plain_word(value):
        return False
    return not _sentence(value) and _ADDRESS.match(value) is None


def plain_password(value: str) -> bool:
    """Return whether a value without quotes may be a password: more than a word of letters."""
    value = value.rstrip(".)]}:!?") if value[:1].isalnum() else value
    return password_value(value) and not value.isalpha() and value[0] not in "([{" and not _NUMBERED_WORD.match(value)


def password_in_prose(value: str) -> bool:
    """Return whether a value behind "password is" may be one: a sentence continues with plain words mostly."""
    value = value.strip(".,;:!?)")
    kinds = sum((any(map(str.isdigit, value)), any(map(str.isalpha, value)), any(not c.isalnum() for c in value)))
    return (
        len(value) >= 5
        and kinds >= 2
        and any(map(str.isdigit, value))
        and password_value(value)
        and not _NUMBERED_WORD.match(value)
    )


def key_value(value: str) -> bool:
    """Return whether a value behind the name of a key may be one."""
    if not _clean(value):
        return False
    return uuid(value) or random_looking(value) or _short_secret(value)


def token_value(value: str) -> bool:
    """Return whether a value with a weaker name before it is random enough to be a key."""
    return _clean(value) and (uuid(value) or random_looking(value))


def random_text(value: str) -> bool:
    """Return whether a text beside a word such as "secret" is random: no hash, UUID, file or public key."""
    if len(value) > 256 or not _clean(value) or uuid(value) or _FILE.match(value):
        return False
    if _HEX.match(value):
        return len(value.removeprefix("0x")) not in _HASH_LENGTHS and len(value) >= 32 and random_looking(value)
    return random_looking(value) and entropy(value) >= 3.5


def random_hex(value: str) -> bool:
    """Return whether a text is random hexadecimal digits, as keys of some services are, and hashes."""
    return not placeholder(value) and random_looking(value)


def aws_secret(value: str) -> bool:
    """Return whether 40 characters may be the secret of an access key of AWS."""
    kinds = (any(map(str.isdigit, value)), any(map(str.islower, value)), any(map(str.isupper, value)))
    return all(kinds) and not placeholder(value) and entropy(value) > 4.0 and not _FILE.match(value)


_NUMBERED_WORD: Final = re.compile(
    r"[A-Za-z]{2,}[-_]?\d{0,1}$|\d{1,3}$|\d{1,2}\+?$|\d+[-–]\d+$|\d+%$|[a-z]+(?:[-_/][a-z]+)+$"
)


def _clean(value: str) -> bool:
    return not (placeholder(value) or from_code(value) or hashed(value) or plain_word(value) or _address(value))


def _address(value: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value) is not None or value.startswith(("/", "./", "../", "~/"))


def _short_secret(value: str) -> bool:
    """Return whether a short value has letters, digits and more than words in it, as secrets by hand have."""
    if not 8 <= len(value) <= 64:
        return False
    digits, letters = sum(map(str.isdigit, value)), sum(map(str.isalpha, value))
    special = len(value) - digits - letters
    return digits >= 2 and letters >= 3 and len(set(value)) >= 6 and (special >= 1 or digits >= 3) and _unworded(value)


def _unworded(value: str) -> bool:
    return re.match(r"(?:[A-Za-z]{2,}|\d{1,4}|v\d+)(?:[-_./: ](?:[A-Za-z]{2,}|\d{1,4}|v\d+))*$", value) is None


def _sentence(value: str) -> bool:
    words = value.split()
    return len(words) >= 3 and all(word.strip(".,;:!?'\"").isalpha() for word in words)
