"""Values put back in place of tokens, for those who may have them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from schemas.errors import Unavailable
from schemas.privacy.kinds import data_class_of
from schemas.privacy.plan import fits
from schemas.privacy.tokens import kind_of
from services.privacy.redact.errors import failed, vault_down
from services.privacy.vault.ports import Tokens, UnreadableError
from services.privacy.vault.restore import restore_json, tokens_in


class Restored(NamedTuple):
    """A value with values put back; ``kinds`` are those of the tokens that were replaced, one for each."""

    value: Any
    kinds: tuple[str, ...] = ()


class May(NamedTuple):
    """Which kinds may be put back: of rules that each name kinds and classes, those of any."""

    rules: Sequence[tuple[Sequence[str], Sequence[str]]]

    def __call__(self, kind: str) -> bool:
        """Return whether a kind may be put back; an organisation's own kinds are one, of the class ``pii``."""
        return any(fits(kinds, classes, kind, data_class_of(kind)) for kinds, classes in self.rules)

    def of(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that may be put back."""
        return [one for one in tokens if self(kind_of(one))]


async def restored(tokens: Tokens, org_id: str, value: Any, may: May) -> Restored:
    """Return a value in which tokens of kinds that may be put back are what they stand for.

    A token that was erased, or that the organisation never had, stays. Raises ``StepError`` while the vault is down.
    """
    wanted = may.of(sorted(tokens_in(value)))
    if not wanted:
        return Restored(value)
    known = await values_of(tokens, org_id, wanted)
    return Restored(restore_json(value, known), tuple(kind_of(one) for one, text in known.items() if text is not None))


async def values_of(tokens: Tokens, org_id: str, wanted: Sequence[str]) -> dict[str, str | None]:
    """Return what tokens stand for. Raises a ``StepError``: ``privacy_failed``."""
    try:
        return await tokens.values_of(org_id, wanted)
    except Unavailable as exc:
        raise vault_down(exc) from exc
    except UnreadableError as exc:
        raise failed("the vault", exc) from exc
