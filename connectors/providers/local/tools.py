"""How the ``local`` models call tools, so that an agent runs without a key: the prompt says which, in a notation.

A line ``@tool <name> <JSON object>`` asks for one call. Lines next to one another are called together, in one turn;
what is parted by another line or an empty one is called in a later turn. When all are called, the model answers as it
always does, from the prompt without those lines and from the results::

    Find what there is about whales and summarize it:

    @tool library.search {"text": "whales"}
    @tool library.search {"text": "krill"}

    @tool library.read {"key": "moby-dick.txt"}

It is told nothing by the results: which tools it calls is in the prompt. The name is not checked, so that a prompt can
also show what happens when a model asks for a tool that it was not given.
"""

import re
from collections.abc import Sequence

from connectors.providers.conversation import Asked, asked_for

_LINE = re.compile(r"@tool[ \t]+(?P<name>\S+)(?:[ \t]+(?P<args>\S.*?))?[ \t]*")


def calls_of_turn(prompt: str, turn: int) -> tuple[Asked, ...]:
    """Return what the model asks for in a turn, counted from 0; nothing when it answers."""
    groups = _groups(prompt)
    if turn >= len(groups):
        return ()
    return tuple(asked_for(f"call_{turn + 1}_{n}", *one) for n, one in enumerate(groups[turn], start=1))


def without_calls(texts: Sequence[str]) -> str:
    """Return what the model answers from: the prompt without its ``@tool`` lines, then the results."""
    prompt, *results = texts
    kept = [line for line in prompt.splitlines() if _LINE.fullmatch(line.strip()) is None]
    return "\n\n".join(["\n".join(kept).strip(), *results])


def _groups(prompt: str) -> list[list[tuple[str, str]]]:
    groups: list[list[tuple[str, str]]] = []
    together = False
    for line in prompt.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            if not together:
                groups.append([])
            groups[-1].append((match["name"], match["args"] or "{}"))
        together = match is not None
    return groups
