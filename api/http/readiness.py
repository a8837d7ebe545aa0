"""Checks the dependencies: all at the same time, each within ``timeout_s``."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Literal

from schemas.api_models.access import DependencyState, Readiness
from schemas.errors import AgentFlowError

Check = Callable[[], Awaitable[object]]


async def readiness(
    checks: Mapping[str, Check], optional: Mapping[str, Check] = MappingProxyType({}), timeout_s: float = 1.5
) -> Readiness:
    """Return the state of every dependency, by name. Without an ``optional`` one the API is correct but slower."""
    asked = {**checks, **optional}
    states = dict(zip(asked, await asyncio.gather(*(_state(c, timeout_s) for c in asked.values())), strict=True))
    status: Literal["ready", "degraded", "not ready"] = "ready"
    if any(states[name].status == "error" for name in optional):
        status = "degraded"
    if any(states[name].status == "error" for name in checks):
        status = "not ready"
    return Readiness(status=status, dependencies=states)


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
