"""Tokens of an organisation's values: named by a key, sealed in the vault, stored in bulk, remembered for seconds.

A token shows the first 60 bits of the value's name, HMAC-SHA-256 under the naming key of its scope. Two values of one
organisation whose names share these bits are told apart by the rest: the later one is named again with a counter. The
odds that n values have such a pair are about n**2 / 2**61: 1 in 2.3 million for a million values.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.ports.vault import TokenRow, TokenStore
from schemas.errors import Unavailable
from schemas.privacy import tokens as form
from services.privacy.vault.cache import Expiring
from services.privacy.vault.data_key import DataKey, version_of
from services.privacy.vault.ports import CACHE_S, Keys

#: Tokens that a process knows to be stored, and values that it has opened.
MOST_REMEMBERED = 50_000
#: A second collision in a row has odds of 1 in 2**60 and more.
MOST_COLLISIONS = 8


class _Wanted(NamedTuple):
    kind: str
    value: str
    row: TokenRow


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names and seals some values, and where."""

    key: DataKey
    run: str

    def row(self, kind: str, value: str, collisions: int) -> TokenRow:
        suffix = f"\0{collisions}" if collisions else ""
        name = self.key.name(f"token/{self.run}/{kind}{suffix}", value)
        token = form.make(kind, int.from_bytes(name[:8], "big") >> (64 - form.BITS))
        return TokenRow(token, self.key.subject, name, b"")


class VaultTokens:
    """``Tokens`` over a store of sealed values. One for a process."""

    def __init__(
        self,
        store: TokenStore,
        keys: Keys,
        *,
        cache_s: float = CACHE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._stored: Expiring[tuple[str, bytes], bool] = Expiring(MOST_REMEMBERED, cache_s, monotonic)
        self._rows: Expiring[tuple[str, str], TokenRow] = Expiring(MOST_REMEMBERED, cache_s, monotonic)

    async def tokens_for(
        self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]], *, run: str = ""
    ) -> list[str]:
        if not values:
            return []
        scope = _Scope(await self._scope_key(org_id, subject), run)
        tokens = dict[tuple[str, str], str]()
        waiting = list(dict.fromkeys(values))
        for collisions in range(MOST_COLLISIONS):
            wanted = [_Wanted(kind, value, scope.row(kind, value, collisions)) for kind, value in waiting]
            names = await self._names(org_id, scope.key, wanted)
            for kind, value, row in wanted:
                if names[row.token] == row.name:
                    tokens[kind, value] = row.token
            waiting = [one for one in waiting if one not in tokens]
            if not waiting:
                return [tokens[one] for one in values]
        raise Unavailable("vault", "no free token was found for a value; report this")

    async def values_of(
        self, org_id: str, tokens: Collection[str], *, subject: str | None = None
    ) -> dict[str, str | None]:
        rows = [row for row in await self._rows_of(org_id, tokens) if subject is None or row.subject in ("", subject)]
        keys = await self._keys.known_subject_keys(org_id, {row.subject for row in rows if row.subject})
        if any(not row.subject for row in rows):
            keys[""] = await self._keys.org_key(org_id)
        values: dict[str, str | None] = dict.fromkeys(tokens)
        for row in rows:
            if key := keys.get(row.subject):
                values[row.token] = opened(key, row)
        return values

    async def _scope_key(self, org_id: str, subject: str | None) -> DataKey:
        return await self._keys.subject_key(org_id, subject) if subject else await self._keys.org_key(org_id)

    async def _names(self, org_id: str, key: DataKey, wanted: Sequence[_Wanted]) -> dict[str, bytes]:
        """Store what is not known to be stored, in one statement; return the name that each token has there."""
        names = {one.row.token: one.row.name for one in wanted if self._stored.get((org_id, one.row.name))}
        missing = [one for one in wanted if one.row.token not in names]
        if missing:
            read_at = self._stored.now()
            there = await self._store.add_tokens(org_id, [sealed(key, one.row, one.value) for one in missing])
            for name in there.values():
                self._stored.put((org_id, name), True, read_at)
            names |= there
        return names

    async def _rows_of(self, org_id: str, tokens: Collection[str]) -> list[TokenRow]:
        known = [row for one in tokens if (row := self._rows.get((org_id, one)))]
        have = {row.token for row in known}
        missing = [one for one in tokens if one not in have]
        if missing:
            read_at = self._rows.now()
            for row in await self._store.tokens(org_id, missing):
                self._rows.put((org_id, row.token), row, read_at)
                known.append(row)
        return known


def sealed(key: DataKey, row: TokenRow, value: str) -> TokenRow:
    """Return a token's row with its value sealed."""
    data = key.seal(value.encode("utf-8", "surrogatepass"), place(row.token))
    return row._replace(sealed=data, org_version=0 if row.subject else version_of(data))


def opened(key: DataKey, row: TokenRow) -> str:
    """Return what a token stands for. Raises ``UnreadableError``."""
    return key.open(row.sealed, place(row.token)).decode("utf-8", "surrogatepass")


def place(token: str) -> bytes:
    """Return what a token's value is bound to, beside organisation and subject."""
    return b"token/" + token.encode()
