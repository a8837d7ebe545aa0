"""Functions for a worker of your own.

    agentflow worker examples/workers/app.py --queue counting

Nodes with `queue: org/counting` call them.
"""

import itertools
import os
import time

from agentflow import ToolContext, tool

_answers = itertools.count(1)


@tool("count_words")
def count_words(*, text: str) -> dict[str, object]:
    """Count the words of a text. Plain functions run in threads, so that they may wait."""
    words = text.split()
    answer = f"{os.getpid()}-{next(_answers)}-{time.time_ns()}"
    return {"words": len(words), "longest": max(words, key=len, default=""), "answer": answer}


@tool("count_pages")
async def count_pages(context: ToolContext, *, pages: list[str]) -> dict[str, int]:
    """Count the words of many pages. A start after a crash continues behind the last page that was reported."""
    done = context.progress or {"pages": 0, "words": 0}
    for text in pages[done["pages"] :]:
        done = {"pages": done["pages"] + 1, "words": done["words"] + len(text.split())}
        context.heartbeat(done)
    return {"words": done["words"]}
