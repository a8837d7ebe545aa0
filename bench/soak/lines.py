"""The lines of a soak, and its file of results."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.lines import Line, percentile
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.results import Machine
from bench.soak.figures import Reading, flatness, growth, highest, left_per_run, of_limit, settled, windows
from bench.soak.session import Seen

OURS = ("streams", "sinks", "worker", "api")
ENGINES = ("kafka", "redis", "postgres", "clickhouse", "nats")
STORES = ("redis", "postgres", "clickhouse", "log", "objects", "kafka_heap")
FOLDER = Path(__file__).resolve().parents[1] / "results" / "soak"
_NONE, _GROWTH = at_most(0), at_most(0.05)
#: Windows of a soak that is too short have no thirds.
LEAST_WINDOWS = 6
#: Engines swing: ClickHouse keeps merged parts for eight minutes, and alone, with steady inserts, moved by 16 MB up and
#: down; Kafka's heap fills before it is collected. Over half an hour and more that is below the floor.
ENGINES_MINUTES = 60

AIMS = (
    Aim("soak_minutes", "min"),
    Aim("soak_runs", "runs"),
    Aim("soak_capacity_runs_per_s", "runs/s"),
    Aim("soak_rate_held", "%", at_least(99), at_least(99.9)),
    Aim("soak_processes_ended", "processes", _NONE, _NONE),
    Aim("soak_requests_refused", "requests", _NONE, _NONE),
    Aim("soak_p99_ms", "ms"),
    Aim("soak_p99_last_over_first", "ratio", at_most(1.25), at_most(1.1)),
    *(Aim(f"soak_memory_of_limit_{name}", "%", at_most(90), at_most(75)) for name in OURS),
    *(Aim(f"soak_rss_kb_per_run_{name}", "KB", _GROWTH, _GROWTH) for name in (*OURS, *ENGINES)),
    *(Aim(f"soak_left_kb_per_run_{name}", "KB", _GROWTH, _GROWTH) for name in STORES),
)


def lines_of(seen: Seen) -> list[Line]:
    """Return the lines; those of growth and of the p99 only of a soak that is long enough for them.

    Those of engines need ``ENGINES_MINUTES``.
    """
    held = "held by the kernel's groups" if seen.limited else "watched only: no groups could be made"
    peaks, done = highest(seen.readings), len(seen.took)
    p99s = windows(seen.took)
    lines = [
        line_of(AIMS, "soak_minutes", seen.seconds / 60),
        line_of(AIMS, "soak_runs", done, f"{seen.over_http:,} of them mixed, over HTTP"),
        line_of(AIMS, "soak_capacity_runs_per_s", seen.rates["capacity"], f"half of it offered; {_rates(seen)}"),
        line_of(AIMS, "soak_rate_held", 100 * _held(seen), f"{done:,} runs in {seen.seconds:.0f} s"),
        line_of(AIMS, "soak_processes_ended", len(seen.ended), ", ".join(seen.ended) or held),
        line_of(AIMS, "soak_requests_refused", seen.refused),
        line_of(AIMS, "soak_p99_ms", percentile([ms for _, ms in seen.took], 0.99)),
    ]
    for name, share in of_limit(peaks, seen.limits).items():
        note = f"{peaks[name]:.0f} MB at most of {seen.limits[name] / 1e6:.0f}, {held}"
        lines.append(line_of(AIMS, f"soak_memory_of_limit_{name}", share, note))
    if len(p99s) < LEAST_WINDOWS:
        return lines
    flat = line_of(AIMS, "soak_p99_last_over_first", flatness(p99s), f"thirds of {len(p99s)} windows of a minute")
    return [*lines, flat, *_growths(seen)]


def _growths(seen: Seen) -> list[Line]:
    found, late = growth(seen.readings), settled(seen.readings)
    judged = (*OURS, *ENGINES) if seen.seconds >= 60 * ENGINES_MINUTES else OURS
    lines = [
        line_of(AIMS, f"soak_rss_kb_per_run_{name}", found[name], _how(name, late)) for name in judged if name in found
    ]
    if seen.before is None or seen.after is None:
        return lines
    left = left_per_run(seen.before.stores, seen.after.stores, seen.runs)
    return lines + [
        line_of(AIMS, f"soak_left_kb_per_run_{name}", left[name], f"{seen.after.stores[name]:,.0f} KB at rest")
        for name in STORES
    ]


def _how(name: str, late: Sequence[Reading]) -> str:
    minutes, runs = (late[-1].at_s - late[0].at_s) / 60, late[-1].runs - late[0].runs
    first, last = late[0].held[name], late[-1].held[name]
    return f"{first:.1f} to {last:.1f} MB without files, least squares over the last {minutes:.0f} min, {runs:,} runs"


def _held(seen: Seen) -> float:
    """Return the share of the runs that were to be offered in the time, and ended."""
    wanted = seen.rates["offered"] * seen.offered_s
    return min(1.0, len(seen.took) / wanted) if wanted else 0.0


def _rates(seen: Seen) -> str:
    return f"plain runs {seen.rates['plain']:.0f}, mixed ones {seen.rates['mixed']:.0f}"


def keep(seen: Seen, lines: list[Line], machine: Machine, revision: str, at: datetime, folder: Path = FOLDER) -> Path:
    """Write a file of results: lines, p99 of each minute, memory each minute, parts of stores; return its path."""
    document: dict[str, Any] = {
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "revision": revision,
        "machine": machine.__dict__,
        "lines": [
            {"name": one.name, "value": round(one.value, 5), "unit": one.unit, "note": one.note} for one in lines
        ],
        "p99_ms": [round(one, 1) for one in windows(seen.took)],
        "memory_mb": [_row(one, one.memory) for one in seen.readings[::12]],
        "held_mb": [_row(one, one.held) for one in seen.readings[::12]],
        "parts_kb": {
            when: {name: round(kb, 1) for name, kb in sorted(rest.parts.items()) if kb}
            for when, rest in (("before", seen.before), ("after", seen.after))
            if rest is not None
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{at:%Y-%m-%dT%H%M%SZ}-{revision}.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def _row(reading: Reading, memory: Mapping[str, float]) -> dict[str, float]:
    return {"s": round(reading.at_s), "runs": reading.runs, **{name: round(mb, 1) for name, mb in memory.items()}}
