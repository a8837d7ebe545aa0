"""Recorded runs: from the API, with the end that history has, or from golden files."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from agentflow import replay_rules as rules
from agentflow.cli.api import at
from agentflow.cli.errors import FAILED, NOT_FOUND, USAGE, CliError
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ENDED, RUNS

TRACES = "/api/v1/traces"
GOLDEN = "*.jsonl"
_MOST = 1_000_000
_NANO = 1_000_000_000


class Read(NamedTuple):
    """A recorded run, and its records as the log has them."""

    recording: rules.Recording
    texts: list[str]


def read_run(session: Session, run: str, *, with_end: bool = True) -> Read:
    """Return a run with its end, if it has ended and is wanted. Raises ``CliError``."""
    found = list(pages(session, at(TRACES, run, "records"), "records", {}, _MOST))
    try:
        records = [rules.Recorded(one["offset"], one["at_ms"], rules.event_of(one["record"])) for one in found]
    except rules.Undecodable as exc:
        raise CliError(f"run {run}: {exc}", "use an agentctl of the server's version", FAILED) from exc
    if not records:
        raise CliError(f"the log has no record of run {run} yet", "wait until it has started", NOT_FOUND)
    end = _end(session, run) if with_end else None
    return Read(rules.Recording(run, records, end), [one["record"] for one in found])


def golden_runs(place: Path) -> Iterator[tuple[Path, rules.Recording]]:
    """Yield the golden runs of a directory, or the one of a file. Raises ``CliError``."""
    files = sorted(place.glob(GOLDEN)) if place.is_dir() else [place]
    if not files:
        raise CliError(f"{place} has no golden file", "export one: agentctl trace replay RUN --export FILE", USAGE)
    for file in files:
        try:
            yield file, rules.read_golden(str(file), file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as exc:
            raise CliError(f"{file} cannot be read: {exc}", "name a golden file or a directory of them", USAGE) from exc
        except rules.InvalidInput as exc:
            raise CliError(str(exc), "", USAGE) from exc


def _end(session: Session, run: str) -> rules.RunState | None:
    found = session.get(at(RUNS, run))
    # What compensates still changes steps of a run that has ended.
    if found["status"] not in ENDED or found.get("compensating"):
        return None
    steps = pages(session, at(RUNS, run, "steps"), "steps", {"outputs": "true"}, _MOST)
    return rules.RunState(
        output_hash=_hash(found.get("output")) if found["status"] == "succeeded" else "",
        steps={step["id"]: rules.StepState(output_hash=_hash(step.get("output")), **_fields(step)) for step in steps},
        **{name: value for name, value in _fields(found).items() if name != "attempts"},
    )


def _fields(shown: Mapping[str, Any]) -> dict[str, Any]:
    error, tokens = shown.get("error") or {}, shown.get("tokens") or {}
    return {
        "status": shown["status"],
        "attempts": shown.get("attempts", 0),
        "error_code": error.get("code", ""),
        "cost_nano": int(Decimal(str(shown.get("cost_usd") or 0)) * _NANO),
        "input_tokens": tokens.get("input", 0),
        "output_tokens": tokens.get("output", 0),
        "started_ms": _ms(shown.get("started_at")),
        "finished_ms": _ms(shown.get("finished_at")),
    }


def _hash(output: Any) -> str:
    # The API shows a step without an output and one whose output is null in the same way.
    return rules.UNKNOWN if output is None else rules.hash_of(output)


def _ms(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
