"""The synchronous client, as the asynchronous one without its ``async`` and ``await``."""

import re

HEAD = "# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.\n"
#: In this order. Words of the code, and of docstrings where they name them.
_WORDS = (
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bfrom contextlib import asynccontextmanager\b", "from contextlib import contextmanager"),
    (r"\bfrom contextlib import aclosing\b", "from contextlib import closing"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\baclosing\b", "closing"),
    (r"\bimport asyncio\n", ""),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\bAsync(Iterator|Generator|Iterable)\b", r"\1"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b__aenter__\b", "__enter__"),
    (r"\b__aexit__\b", "__exit__"),
    (r"\b__aiter__\b", "__iter__"),
    (r"\b__anext__\b", "__next__"),
    (r"\.aclose\(", ".close("),
    (r"\.aread\(", ".read("),
    (r"\.aiter_lines\(", ".iter_lines("),
    (r"\bclient\.aio\b", "client.sync"),
)


def synchronous(source: str) -> str:
    """Return the synchronous form of one module."""
    for pattern, replacement in _WORDS:
        source = re.sub(pattern, replacement, source)
    return HEAD + source
