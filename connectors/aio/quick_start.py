"""Starts a program without garbage collections while its modules are imported.

Imports make hundreds of thousands of objects that stay, and the collector looks through them again and again: a sixth
of the CPU time of a start. What was imported is not looked through later either.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports() -> Iterator[None]:
    """Import inside; the collector runs again afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
