"""Says everything that a fold makes of a history: every command with every field, and every entry.

``migrate`` runs this text twice, with the code of an older commit and with the code that is here, so it uses only what
both have: ``python -c TEXT PATH`` prints one JSON document.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from tests.histories.history import History, fold, read
from topics.catalogue import RUN_EVENTS
from topics.codec import decode, encode


def whole(history: History) -> dict[str, Any]:
    """Return what the fold makes: ``lines`` as they are recorded, and for each record its ``commands``."""
    rules, state, now_ms = RunFold(chain_steps=history.chain_steps), MemoryState(), 0
    made: list[list[dict[str, Any]]] = []
    for offset, (at_ms, text) in enumerate(history.records):
        now_ms = max(now_ms, at_ms)
        commands = rules.fold(state, decode(RUN_EVENTS, text.encode()), now_ms, offset)
        made.append([_plain(command) for command in commands])
    return {"lines": list(fold(history.chain_steps, history.records)), "commands": made}


def _plain(command: Any) -> dict[str, Any]:
    fields = {name: getattr(command, name) for name in command.__slots__}
    if isinstance(command, Emit):
        fields["record"] = orjson.loads(encode(command.record))
    return {"command": type(command).__name__, **orjson.loads(orjson.dumps(fields, default=msgspec.to_builtins))}


if __name__ == "__main__":
    json.dump(whole(read(Path(sys.argv[1]))), sys.stdout)
