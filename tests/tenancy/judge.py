"""Says what of another organisation an answer shows, or that it says more than of a thing that nobody has."""

import re
from collections.abc import Awaitable, Callable, Sequence

import httpx

from tests.tenancy.crossing import Crossing
from tests.tenancy.planted import Tenant

Ask = Callable[[str], Awaitable[httpx.Response]]
#: Parts of paths whose answers say what the asker did before.
_REPEAT = ("/audit", "/compliance")
_OF_REQUEST = re.compile(r'"(?:instance|request_id|trace_id)":"[^"]*",?')


class Judge:
    """Says what of another organisation an answer shows."""

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        self._marks = [one.mark for one in tenants]
        self._of_others: list[re.Pattern[str]] = []
        for asker in tenants:
            tokens = {t for one in tenants if one is not asker for t in (re.escape(one.mark) + r"[\w-]*", *_ids(one))}
            self._of_others.append(re.compile("|".join(sorted(tokens, key=len, reverse=True))))

    def shown(self, asker: int, text: str, said: str) -> str | None:
        """Return what a text shows of another than the asker, and the request itself did not say."""
        return next((found for found in self._of_others[asker].findall(text) if found not in said), None)


async def leak_of(judge: Judge, one: Crossing, answer: httpx.Response, ask: Ask | None, acts: str = "") -> str | None:
    """Return what is wrong about an answer, ``None`` if nothing is. ``ask`` sends the same request to another URL.

    ``acts`` is what the asker has said in all of its requests: its own audit log, and reports about it, repeat that.
    """
    text = f"{answer.text} {dict(answer.headers)}"
    repeats = any(part in one.url for part in _REPEAT)
    if (found := judge.shown(one.asker, text, f"{one.said} {acts}" if repeats else one.said)) is not None:
        return f"{answer.status_code} shows {found}"
    if not one.names_thing or ask is None:
        return None
    if answer.status_code < 300:
        return f"{answer.status_code} about another's thing: {answer.text[:200]}"
    twin = await ask(one.twin)
    told = _told(answer.text, one.url), _told(twin.text, one.twin)
    if answer.status_code != twin.status_code or told[0] != told[1]:
        return f"{answer.status_code} says that it exists: {answer.text[:200]}; of none: {twin.text[:200]}"
    return None


def _told(text: str, url: str) -> str:
    """Return what an answer says, without what the request named."""
    text = _OF_REQUEST.sub("", text)
    for part in sorted(url.split("/"), key=len, reverse=True):
        text = text.replace(part, "") if len(part) >= 8 else text
    return text


def _ids(tenant: Tenant) -> set[str]:
    return {re.escape(one) for one in tenant.unmarked}
