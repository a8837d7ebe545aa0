"""Four processes that ask a provider which enforces its limits, and how well they keep to them."""

import asyncio
import sys
from dataclasses import dataclass

from bench.lines import BenchError
from bench.quotas.caller import CALLERS
from bench.quotas.provider import MINUTE_S, REQUESTS, TOKENS, LimitedProvider, Style, serving

PROCESSES = 4
#: The first minute, in which processes start and limits are learned.
WARM_S = MINUTE_S


@dataclass(frozen=True)
class Kept:
    """``refused`` and ``used`` are percent of all requests and of the quota, ``unfair`` of a fair share."""

    refused: float
    used: float
    unfair: float
    note: str


async def keep(redis_url: str, style: Style, minutes: int) -> Kept:
    """Ask for so many of the provider's minutes. Raises ``BenchError`` when a process ends before."""
    provider = LimitedProvider(style, len(CALLERS))
    async with serving(provider) as url:
        command = (sys.executable, "-m", "bench.quotas.caller", redis_url, url, str(10 * WARM_S + minutes * MINUTE_S))
        processes = [await asyncio.create_subprocess_exec(*command) for _ in range(PROCESSES)]
        try:
            async with asyncio.timeout(60):
                await provider.known.wait()
            await asyncio.sleep(WARM_S)
            provider.count()
            await asyncio.sleep(minutes * MINUTE_S)
            ended = [one.returncode for one in processes if one.returncode is not None]
        finally:
            for one in processes:
                if one.returncode is None:
                    one.kill()
            await asyncio.gather(*(one.wait() for one in processes))
    if ended:
        raise BenchError(f"a caller ended with {ended}")
    return _kept(provider, minutes)


def _kept(provider: LimitedProvider, minutes: int) -> Kept:
    answered, fair = provider.asked.total(), provider.asked.total() / len(CALLERS)
    used = max(answered / (REQUESTS * minutes), provider.used_tokens / (TOKENS * minutes))
    unfair = max(abs(number / fair - 1) for number in provider.asked.values())
    note = f"{answered} calls and {provider.refused} times 429 in {minutes} minutes, shares {dict(provider.asked)}"
    return Kept(100 * provider.refused / max(1, answered + provider.refused), 100 * used, 100 * unfair, note)
