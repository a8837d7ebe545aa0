"""Values put back in place of tokens, for those who may have them. Nobody gets another's value by a mangled token."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from schemas.errors import Unavailable
from schemas.privacy.kinds import data_class_of
from services.privacy.redact.errors import vault_down
from services.privacy.redact.plan import fits
from services.privacy.redact.ports import Tokens
from services.privacy.redact.spans import Path, Span, replaced_in


class Stands(NamedTuple):
    """A token in a text: characters ``start`` to ``end``, as the vault knows it, and its kind."""

    start: int
    end: int
    token: str
    kind: str


FindTokens = Callable[[str], Iterable[Stands]]


class Restored(NamedTuple):
    """A value with values put back; ``kinds`` are those of the tokens that were replaced, one for each."""

    value: Any
    kinds: tuple[str, ...] = ()


class May(NamedTuple):
    """Which kinds may be put back: of rules that each name kinds and classes, those of any."""

    rules: Sequence[tuple[Sequence[str], Sequence[str]]]

    def __call__(self, kind: str) -> bool:
        """Return whether a kind may be put back."""
        return any(fits(kinds, classes, kind, data_class_of(kind)) for kinds, classes in self.rules)


async def restored(tokens: Tokens, find: FindTokens, org_id: str, value: Any, may: May) -> Restored:
    """Return a value in which tokens of kinds that may be put back are what they stand for.

    A token that was erased, or that the organisation never had, stays. Raises ``StepError`` while the vault is down.
    """
    places = [(path, one) for path, text in texts_of(value) for one in find(text) if may(one.kind)]
    if not places:
        return Restored(value)
    try:
        known = await tokens.values_of(org_id, list(dict.fromkeys(one.token for _, one in places)))
    except Unavailable as exc:
        raise vault_down(exc) from exc
    spans: dict[Path, list[Span]] = {}
    kinds = []
    for path, one in places:
        if (text := known.get(one.token)) is not None:
            spans.setdefault(path, []).append(Span(one.start, one.end, text))
            kinds.append(one.kind)
    return Restored(replaced_in(value, spans), tuple(kinds))


def texts_of(value: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Return the texts of a JSON value with their paths."""
    found: list[tuple[Path, str]] = []
    stack: list[tuple[Path, Any]] = [(path, value)]
    while stack:
        at, one = stack.pop()
        if isinstance(one, str):
            found.append((at, one))
        elif isinstance(one, dict):
            stack.extend(((*at, key), below) for key, below in one.items())
        elif isinstance(one, list | tuple):
            stack.extend(((*at, index), below) for index, below in enumerate(one))
    return found
