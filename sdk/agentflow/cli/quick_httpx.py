"""httpx without its own command line, which would load rich for every command."""

import sys
from typing import Any

_OWN = "httpx._main"


def load() -> None:
    """Import httpx. It takes the absence of its command line as that of an extra."""
    if "httpx" in sys.modules:
        return
    absent: Any = None
    sys.modules[_OWN] = absent
    try:
        import httpx  # noqa: F401
    finally:
        del sys.modules[_OWN]
