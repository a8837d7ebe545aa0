"""Writes what the fold makes of golden histories now, and proves that nothing but spans has changed.

python -m tests.histories.new_spans --base COMMIT

1. The code of the base folds each history in a process of its own, and makes what was recorded (``migrate``).
2. The code that is here folds the same records.
3. Every command of both but spans is compared, field by field and in order, and so is every entry of the states. An
   observation may name another trace. An entry may have new when a step was first requested, and that a call was
   settled by nobody but the ledger.

Where anything else differs nothing is written, and the difference is said. What is wrong on purpose (``bad/``) stays.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from streams.core.runs.state.entries import FROM_LEDGER
from tests.histories.history import FOLDER, History, read, write_lines
from tests.histories.migrate import BAD, NotOnlyNames, compare, unpack, whole_of

Json = Any
#: What entries have for spans alone.
FIELD = "first_asked_ms"


def main() -> int:
    """Rewrite every recorded history, or none; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.new_spans", description="Accept other spans.")
    parser.add_argument("--base", required=True, help="the commit whose code made what is recorded")
    base = parser.parse_args().base
    with tempfile.TemporaryDirectory() as folder:
        unpack(base, Path(folder))
        try:
            found = {path: with_new_spans(path, Path(folder)) for path in sorted(FOLDER.glob("*.jsonl"))}
            wrong = {path: with_new_spans(path, Path(folder), wrong=True) for path in sorted(BAD.glob("*.jsonl"))}
        except NotOnlyNames as exc:
            print(exc)  # noqa: T201 - this is a command
            return 1
    for path, history in (found | wrong).items():
        write_lines(path, history.chain_steps, history.records, history.expected)
        print(f"{path.stem}: {len(history.records)} records, equal but for spans")  # noqa: T201 - this is a command
    return 0


def with_new_spans(path: Path, base: Path, *, wrong: bool = False) -> History:
    """Return a history with what is made of it now; ``wrong`` expectations stay. Raises ``NotOnlyNames``."""
    old, before, after = read(path), whole_of(path, base), whole_of(path, Path.cwd())
    if (before["lines"] == old.expected) == wrong:
        raise NotOnlyNames(f"{path.stem}: the code of the base makes something else than what was recorded")
    for number, (was, now) in enumerate(zip(before["commands"], after["commands"], strict=True)):
        compare(f"{path.stem}, record {number}", without_spans(was), without_spans(now))
    compare(f"{path.stem}, the states", without_fields(before["lines"][-1]), without_fields(after["lines"][-1]))
    lines = zip(old.expected, before["lines"], after["lines"], strict=True)
    return History(old.chain_steps, old.records, [now if was == said else said for said, was, now in lines])


def without_spans(commands: list[Json]) -> list[Json]:
    """Return commands but those that emit spans; observations without the trace that they name."""
    others = (one for one in commands if one.get("record", {}).get("type") != "trace.spans")
    return [{key: value for key, value in one.items() if key != "trace_id"} for one in others]


def without_fields(value: Json) -> Json:
    """Return a JSON value without what entries have for spans alone."""
    if isinstance(value, list):
        # A call's amount, whether it is presumed, and that only the ledger said so.
        return [*value[:2], 0] if value[2:] == [FROM_LEDGER] else [without_fields(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: without_fields(one) for key, one in value.items() if key != FIELD}


if __name__ == "__main__":
    sys.exit(main())
