"""The known name that is nearest to a mistyped one."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the nearest known name, ``None`` when none is near."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the fix of a mistyped name: the nearest one, or ``otherwise``."""
    found = nearest(name, known)
    return f"did you mean {found}?" if found else otherwise
