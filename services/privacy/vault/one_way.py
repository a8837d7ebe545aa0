"""What stands for a value without a way back: a keyed hash, and a made-up value of the same shape.

Both are the same for equal values under one key, so they show that two values are equal. They die with the key: then
nobody can find a value by trying.
"""

from schemas.privacy.fakes import fake_of
from schemas.privacy.tokens import code_of
from services.privacy.vault.data_key import DataKey

#: Bytes of a keyed hash that are shown.
HASH_BYTES = 12


def hashed(kind: str, value: str, key: DataKey) -> str:
    """Return a keyed hash: ``eml#`` and 24 hexadecimal digits. It is no token, and is never restored."""
    return f"{code_of(kind).lower()}#{key.name(f'hash/{kind}', value)[:HASH_BYTES].hex()}"


def fake(kind: str, value: str, key: DataKey) -> str:
    """Return a made-up value of the same shape."""
    return fake_of(kind, value, key.name(f"fake/{kind}", value))
