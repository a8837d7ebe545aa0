"""``python -m bench.soak.heaps FILE MODULE …``: ``python -m MODULE …``, and what its heap consists of, to a file.

A line of JSON every ``EVERY_S``: bytes that are resident, that glibc has handed out and that it holds free, how many
blocks Python has, and every ``COUNT_EVERY_S`` how many objects the collector knows of each type. So a leak (blocks and
objects grow), a cache that fills (they stop) and fragments (only what is free grows) can be told from each other.
``python -m bench.soak --heaps FOLDER`` starts all processes of roles so. Counting halts a process for some
0.1 s, so its figures of time do not count.
"""

import ctypes
import gc
import json
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from streams.process.memory import resident_bytes

EVERY_S, COUNT_EVERY_S = 5.0, 60.0
TYPES = 40


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def main() -> None:
    """Run the module; write until it ends."""
    target, module, *args = sys.argv[1:]
    file = Path(target).open("w", encoding="ascii")  # noqa: SIM115 - open until the process ends
    _write(file, {**heap(), "types": types()})  # of a module that ends at once there is one line, too
    threading.Thread(target=_write_always, args=(file,), daemon=True).start()
    sys.argv = [module, *args]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _write_always(file: TextIO) -> None:
    counted = time.monotonic()
    while True:
        time.sleep(EVERY_S)
        reading = heap()
        if time.monotonic() - counted >= COUNT_EVERY_S:
            counted = time.monotonic()
            reading["types"] = types()
        _write(file, reading)


def _write(file: TextIO, reading: Mapping[str, object]) -> None:
    file.write(json.dumps({"s": time.monotonic(), **reading}) + "\n")
    file.flush()


def heap() -> dict[str, object]:
    """Return sizes in bytes: resident, of malloc in use, free and mapped apart; and the number of Python's blocks."""
    libc = ctypes.CDLL("libc.so.6")
    libc.mallinfo2.restype = _Mallinfo
    info = libc.mallinfo2()
    return {
        "rss": resident_bytes(),
        "blocks": sys.getallocatedblocks(),
        "used": info.uordblks,
        "free": info.fordblks,
        "top": info.keepcost,
        "mapped": info.hblkhd,
        "gc": [one["collections"] for one in gc.get_stats()],
    }


def types() -> dict[str, int]:
    """Return how many objects the collector knows, of the types with most."""
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return dict(found.most_common(TYPES))


if __name__ == "__main__":
    main()
