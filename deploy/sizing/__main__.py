"""``python -m deploy.sizing --runs-s 200 --steps 6 --calls 3``: how large a site must be, and what it costs a month."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from deploy.sizing.model import REPLICAS, Load, Prices, Size, size_of
from deploy.sizing.walls import Site, as_rows, simulate

EXIT_OK, EXIT_USAGE = 0, 2
_HELP = {
    "runs_s": "runs a second, in the busiest minutes",
    "steps": "steps a run",
    "calls": "calls of models a run",
    "payload_bytes": "bytes of a step's output",
    "latency_s": "seconds of a model's answer",
    "waiting": "runs that wait for people or timers at any time",
    "keep_h": "hours for which finished runs stay in Redis (KEEP_FINISHED_S)",
    "log_days": "days for which the log is kept",
    "history_days": "days for which history and analytics are kept",
    "over_http": "share of submissions that come over HTTP, 0 to 1",
    "concurrency": "slots of a worker (WORKER_CONCURRENCY)",
    "core": "dollars of a core a month",
    "memory_gb": "dollars of a GB of memory a month",
    "disk_gb": "dollars of a GB of disk a month",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the size. Exit codes: 0 printed, 2 no load."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sizing", description="The sizing model of a site.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--simulate", action="store_true", help="print what has a backlog first on the way to --runs-s")
    parser.add_argument("--organisations", type=int, default=Site().organisations, help="of the simulation")
    parser.add_argument(
        "--skew", type=float, default=Site().skew, help="how unequal they are: 0 alike, 1 by Zipf's law"
    )
    for field in fields(Load):
        required = field.name == "runs_s"
        kind = int if field.type in (int, "int") else float
        default = None if required else field.default
        parser.add_argument(_option(field.name), type=kind, required=required, default=default, help=_HELP[field.name])
    for field in fields(Prices):
        name = _option(f"{field.name}_dollars")
        parser.add_argument(name, type=float, default=field.default, help=_HELP[field.name])
    asked = vars(parser.parse_args(argv))
    load = Load(**{field.name: asked[field.name] for field in fields(Load)})
    prices = Prices(**{field.name: asked[f"{field.name}_dollars"] for field in fields(Prices)})
    try:
        if asked["simulate"]:
            _simulated(load, Site(asked["organisations"], asked["skew"]), asked["json"])
            return EXIT_OK
        size = size_of(load, prices)
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return EXIT_USAGE
    print(json.dumps(asdict(size)) if asked["json"] else "\n".join(f"{name:22}{value}" for name, value in _rows(size)))
    return EXIT_OK


def _simulated(load: Load, site: Site, as_json: bool) -> None:
    rows = as_rows(simulate(load, site, load.runs_s))
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['runs_s']:>9,} runs/s  {row['part']}: {row['fix']}")
    if not rows:
        print(f"no wall up to {load.runs_s:,.0f} runs/s")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _rows(size: Size) -> Iterator[tuple[str, str]]:
    yield "TOPIC_PARTITIONS", f"{size.partitions}"
    disk = f"{size.log_gb:,.0f} GB with {REPLICAS} replicas"
    yield "brokers", f"{size.brokers}, {size.log_mb_s:,.2f} MB/s of records, {disk}"
    yield "Redis", f"{size.redis_masters} masters with a replica each, {size.redis_gb:,.1f} GB in all, half of it free"
    for name, pods in size.pods.items():
        yield name, f"{pods.count} processes, {pods.cores:,.1f} cores"
    yield "PostgreSQL", f"{size.postgres_gb:,.0f} GB, and a standby"
    yield "ClickHouse", f"{size.clickhouse_gb:,.0f} GB on each of two replicas"
    yield "in all", f"{size.cores:,.1f} cores, {size.memory_gb:,.0f} GB of memory, {size.disk_gb:,.0f} GB of disk"
    yield "a month", f"${size.dollars:,.0f} at assumed prices (--core-dollars and others), without models"
    for wall in size.walls:
        yield "wall", wall


if __name__ == "__main__":
    sys.exit(main())
