"""httpx without its own command line, which would load rich for every command."""

import sys

_OWN = "httpx._main"


def load() -> None:
    """Import httpx. It takes the absence of its command line as that of an extra."""
    if "httpx" in sys.modules:
        return
    sys.modules[_OWN] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401
    finally:
        del sys.modules[_OWN]
