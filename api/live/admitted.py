"""Ends what is open for a caller that is no longer admitted: a stream outlives the request that was checked."""

import asyncio

from api.auth import Authenticator
from api.dependencies import Rule
from schemas.errors import Rejected, TryLater

#: Beside the time for which a process remembers a key.
CHECK_S = 2.0


async def until_refused(authenticator: Authenticator, secret: str, rule: Rule) -> None:
    """Return once the key or token is revoked, has expired, or may no longer use a route with this rule."""
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            rule.check(await authenticator.authenticate(secret))
        except Rejected:
            return
        except TryLater:
            continue
