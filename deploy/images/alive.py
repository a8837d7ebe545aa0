"""``python -m deploy.images.alive PORT`` and ``--ready URL …``: whether a container lives, or others are ready.

The first asks ``/health`` of this container; the second asks ``/ready`` at each address until it answers 200, for two
minutes at most. Exit code 0 for yes, 1 for no, 2 for wrong arguments.
"""

import http.client
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

PATIENCE_S = 2.0
READY_S = 120.0
PAUSE_S = 1.0


def answers(host: str, port: int, path: str) -> bool:
    """Return whether this page is answered with 200 within two seconds."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def not_ready(urls: Sequence[str], seconds: float = READY_S) -> list[str]:
    """Return the addresses that were not ready in time."""
    deadline, left = time.monotonic() + seconds, list(urls)
    while left:
        left = [url for url in left if not answers(*_address(url), "/ready")]
        if not left or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_S)
    return left


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def main(arguments: Sequence[str]) -> int:
    """Ask, and return the exit code."""
    match arguments:
        case ["--ready", *urls] if urls and all(url.startswith("http://") for url in urls):
            left = not_ready(urls)
            for url in left:
                sys.stderr.write(f"{url} is not ready after {READY_S:.0f} s: ask its /ready for the reason\n")
            return 1 if left else 0
        case [port] if port.isdecimal():
            return 0 if answers("127.0.0.1", int(port), "/health") else 1
    sys.stderr.write("usage: python -m deploy.images.alive PORT | --ready http://HOST:PORT …\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
