"""Quotas' lines of the area ``calls``: limits that a provider enforces, kept by four processes and shared by three."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.quotas.load import PROCESSES, Kept, keep
from bench.quotas.provider import Style
from deploy.local.engines import EngineStack
from deploy.local.engines.progress import Progress

MINUTES, QUICK_MINUTES = 6, 1
STYLES: tuple[Style, ...] = ("window", "bucket")

AIMS = tuple(
    aim
    for style in STYLES
    for aim in (
        Aim(f"quota_429_{style}", "%", at_most(1), at_most(0.1)),
        Aim(f"quota_used_{style}", "%", at_least(95), at_least(98)),
        Aim(f"quota_off_fair_share_{style}", "%", at_most(10), at_most(3)),
    )
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Ask a provider of each style for some of its minutes. Raises ``BenchError`` when a process ends before."""
    minutes = QUICK_MINUTES if quick else MINUTES
    with tempfile.TemporaryDirectory() as home:
        stack = EngineStack(Path(home), {"redis"}, durable=False, progress=progress)
        with stack as endpoints:
            return [line for style in STYLES for line in _lines(style, endpoints.redis_url, minutes, progress)]


def _lines(style: Style, redis_url: str, minutes: int, progress: Progress) -> Iterator[Line]:
    progress(f"quotas: {minutes} minutes of a provider with a {style}, {PROCESSES} processes")
    kept: Kept = asyncio.run(keep(redis_url, style, minutes))
    yield Line(f"quota_429_{style}", "%", (kept.refused,), kept.note)
    yield Line(f"quota_used_{style}", "%", (kept.used,))
    yield Line(f"quota_off_fair_share_{style}", "%", (kept.unfair,))
