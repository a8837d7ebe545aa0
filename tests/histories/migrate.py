"""Renames what is written in golden histories, and proves that nothing but names has changed.

python -m tests.histories.migrate --base COMMIT

1. The code of the base, out of an archive of that commit, folds each history in a process of its own. What it makes
   must be what was recorded, digest by digest; so its commands, which are printed whole, are the recorded ones.
2. The records are renamed and folded by the code that is here.
3. Every command and every entry of both is compared, field by field, with the names of the base renamed. Where
   anything else differs nothing is written and the difference is said.

What is wrong on purpose (``bad/``) stays wrong, and is renamed as well.

A definition's hash covers how the definition is written. So hashes are renamed, too, after the definition that is
written now has been found to be the same; and with them the body hash of a run that a step started.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from msgspec import convert, to_builtins

from schemas.ids import canonical_hash
from schemas.payload import Reference
from schemas.records.timers import (
    Backstop,
    Deadline,
    Defer,
    Detached,
    Retry,
    SignalTimeout,
    StepTimer,
    Timer,
    Wait,
    timer_id,
)
from schemas.spec.hash import spec_hash
from schemas.spec.model import ResolvedSpec
from schemas.spec.nested import pinned_key, workflow_nodes
from schemas.spec.rules_version import FIRST
from schemas.spec.text.document import resolved_bytes
from tests.histories.history import FOLDER, History, read, write, write_lines

Json = Any
BAD = FOLDER.parent / "bad"
_WHOLE = Path(__file__).with_name("whole.py")
_CHAIN = {"goes_on": "continues", "given_back": "returned"}
_TIMERS: dict[str, type[StepTimer]] = {
    "retry": Retry,
    "defer": Defer,
    "timeout": Backstop,
    "wait": Wait,
    "signal": SignalTimeout,
    "child": Detached,
}


class NotOnlyNames(Exception):
    """Something else than names differs."""


def main() -> int:
    """Migrate every recorded history, or none; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.migrate", description="Rename histories.")
    parser.add_argument("--base", required=True, help="the commit whose code made what is recorded")
    base = parser.parse_args().base
    with tempfile.TemporaryDirectory() as folder:
        unpack(base, Path(folder))
        try:
            found = {path: migrated(path, Path(folder)) for path in sorted(FOLDER.glob("*.jsonl"))}
            wrong = {path: migrated(path, Path(folder), wrong=True) for path in sorted(BAD.glob("*.jsonl"))}
        except NotOnlyNames as exc:
            print(exc)  # noqa: T201 - this is a command
            return 1
    for path, history in (found | wrong).items():
        write_lines(path, history.chain_steps, history.records, history.expected)
        print(f"{path.stem}: {len(history.records)} records, equal but for names")  # noqa: T201 - this is a command
    return 0


def migrated(path: Path, base: Path, *, wrong: bool = False) -> History:
    """Return a history with its records renamed; ``wrong`` expectations stay. Raises ``NotOnlyNames``."""
    old = read(path)
    before = whole_of(path, base)
    if (before["lines"] == old.expected) == wrong:
        raise NotOnlyNames(f"{path.stem}: the code of the base makes something else than what was recorded")
    names = _new_names([json.loads(text) for _, text in old.records])
    records = [(at_ms, _text(renamed(json.loads(text), names))) for at_ms, text in old.records]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / path.name
        write(written, old.chain_steps, records)
        after = whole_of(written, Path.cwd())
    for number, (was, now) in enumerate(zip(before["commands"], after["commands"], strict=True)):
        compare(f"{path.stem}, record {number}", written_now(renamed(was, names)), now)
    compare(f"{path.stem}, the states", written_now(renamed(before["lines"][-1], names)), after["lines"][-1])
    lines = zip(old.expected, before["lines"], after["lines"], strict=True)
    return History(old.chain_steps, records, [now if was == said else renamed(said, names) for said, was, now in lines])


def renamed(value: Json, names: Mapping[str, str]) -> Json:
    """Return a JSON value with what it names as it is named now; ``names`` are those of definitions."""
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, str):
        return names.get(value, value)
    if not isinstance(value, dict):
        return value
    return {names.get(key, key): renamed(one, names) for key, one in _fields(value)}


def _fields(value: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """Yield the fields of an object under the names that they have now."""
    for key, one in value.items():
        if key == "semantics":
            # It is written where it is not the first; the state always says it.
            if "spec_hash" in value:
                yield "rules_version", FIRST
        elif key == "value" and one == {} and "node" in value:
            # Null is no default of an inline payload any more, so the states say it.
            yield key, {"value": None}
        elif key == "labels" and value.get("kind") == "reference":
            yield "tags", one
        elif key == "chain" and one in _CHAIN:
            yield key, _CHAIN[one]
        elif key == "timer_id" and value.get("type") == "timer.fired":
            yield "timer", to_builtins(_timer(one))
        elif key == "timer_id" and isinstance(one, str) and not one.startswith("["):
            yield key, timer_id(_timer(one))
        elif key == "timer" and isinstance(one, str):
            yield key, to_builtins(_timer(one))
        else:
            yield key, one


def _timer(text: str) -> Timer:
    """Return the timer of what was a text: its kind, its step, its numbers."""
    if text == "deadline":
        return Deadline()
    kind, step_id, *numbers = text.split(":")
    return _TIMERS[kind](step_id, *map(int, numbers))


def written_now(value: Json) -> Json:
    """Return a JSON value with the definitions and references in it written as they are now, without defaults."""
    if isinstance(value, list):
        return [written_now(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "spec" in value and "workflow_version" in value:
        value = value | {"spec": orjson.loads(resolved_bytes(ResolvedSpec.model_validate(value["spec"])))}
    if value.get("kind") == "reference":
        value = to_builtins(convert(value, Reference))
    return {key: written_now(one) for key, one in value.items()}


def _new_names(records: list[Json]) -> dict[str, str]:
    """Return the hashes of definitions, their entities, and body hashes that are made of them, old and new."""
    names: dict[str, str] = {}
    for record in records:
        if record["type"] == "run.submitted":
            resolved = ResolvedSpec.model_validate(record["spec"])
            _rehash(resolved, resolved.children, names)
    names |= {f"spec:{old}": f"spec:{new}" for old, new in names.items()}
    for record in records:
        if record["type"] == "run.submitted" and "parent" in record:
            old = _body_hash(record, record["spec"]["hash"])
            if old != record["body_hash"]:
                raise NotOnlyNames(f"run {record['run_id']} has another body hash than it should")
            names[old] = _body_hash(record, names[record["spec"]["hash"]])
    return names


def _rehash(one: ResolvedSpec, children: Mapping[str, ResolvedSpec], names: dict[str, str]) -> str:
    below = {
        key: _rehash(children[key], children, names)
        for key in (pinned_key(node.config, one.pins) for node in workflow_nodes(one.spec))
    }
    names[one.hash] = spec_hash(one.spec, one.prompts, below)
    return names[one.hash]


def _body_hash(record: Json, hash_: str) -> str:
    stored = {name: one["sha256"] for name, one in record.get("stored_inputs", {}).items()}
    return canonical_hash([record["run_id"], hash_, record.get("inputs", {}), stored])


def compare(where: str, was: Json, now: Json) -> None:
    """Raise ``NotOnlyNames`` at the first field that differs."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in was.keys() | now.keys():
            if key not in was or key not in now:
                raise NotOnlyNames(f"{where}.{key}: there only {'now' if key in now else 'before'}")
            compare(f"{where}.{key}", was[key], now[key])
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (old, new) in enumerate(zip(was, now, strict=True)):
            compare(f"{where}[{index}]", old, new)
    elif type(was) is not type(now) or was != now:
        raise NotOnlyNames(f"{where}: it was {was!r} and is {now!r}")


def _text(record: Json) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def whole_of(path: Path, code: Path) -> Json:
    """Return everything that the code in a folder makes of a history, see ``whole``."""
    command = [sys.executable, "-c", _WHOLE.read_text(encoding="utf-8"), str(path)]
    return json.loads(subprocess.run(command, cwd=code, check=True, capture_output=True).stdout)


def unpack(commit: str, folder: Path) -> None:
    """Put the code of a commit into a folder."""
    archive = folder / "base.tar"
    subprocess.run(["git", "archive", "-o", str(archive), commit], check=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)


if __name__ == "__main__":
    sys.exit(main())
