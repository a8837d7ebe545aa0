"""Whether the dependencies answer: all asked at once, none for longer than ``timeout_s``."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from schemas.api_models.access import DependencyState, Readiness
from schemas.errors import AgentFlowError

Check = Callable[[], Awaitable[object]]


async def readiness(checks: Mapping[str, Check], timeout_s: float = 1.5) -> Readiness:
    """Return the state of every dependency, by name."""
    states = await asyncio.gather(*(_state(check, timeout_s) for check in checks.values()))
    ready = all(state.status == "ok" for state in states)
    return Readiness(status="ready" if ready else "not ready", dependencies=dict(zip(checks, states, strict=True)))


async def _state(check: Check, timeout_s: float) -> DependencyState:
    started = time.perf_counter()
    error = None
    try:
        async with asyncio.timeout(timeout_s):
            await check()
    except TimeoutError:
        error = f"no answer within {timeout_s:g} s"
    except AgentFlowError as exc:
        error = str(exc)
    except Exception as exc:  # noqa: BLE001 - a check must not take the page down that shows what is wrong
        error = type(exc).__name__
    ms = round((time.perf_counter() - started) * 1000, 1)
    return DependencyState(status="error" if error else "ok", ms=ms, error=error)
