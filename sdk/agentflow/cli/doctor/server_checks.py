"""Checks of the API, the engines behind it, and the workers."""

from collections.abc import Iterator, Sequence

from agentflow.cli.doctor.facts import Facts, Finding, Row

#: Over this share of its limit a process may be killed at the next large value.
_MEMORY_SHARE = 0.85
#: Under this share a machine begins to kill processes.
_LEAST_AVAILABLE = 0.05
_OPTIONAL = {
    "clickhouse": "analytics, explained routes and the optimizer wait for it",
    "nats": "live updates and cancels are slower without it",
}
_MIB = 1 << 20


def connection(facts: Facts) -> Iterator[Finding]:
    """Find that nothing answers at the address."""
    if facts.unreachable is not None:
        yield Finding(
            f"nothing answers at {facts.endpoint} ({facts.origin}): {facts.unreachable}",
            "start it (make run), or correct the address: agentctl config set endpoint <url>",
        )


def databases(facts: Facts) -> Iterator[Finding]:
    """Find that a dependency which every request needs does not answer."""
    for name, state in _broken(facts):
        if name not in _OPTIONAL:
            yield Finding(
                f"{name} does not answer the API: {state.get('error')}",
                f"start {name}, and check its address and password in the API's environment; then make migrate-up",
            )


def degraded(facts: Facts) -> Iterator[Finding]:
    """Find that a dependency which some requests need does not answer."""
    for name, state in _broken(facts):
        if name in _OPTIONAL:
            yield Finding(
                f"{name} does not answer the API: {state.get('error')}; {_OPTIONAL[name]}",
                f"start {name}, or check its address in the API's environment",
            )


def _broken(facts: Facts) -> list[tuple[str, Row]]:
    dependencies = (facts.ready or {}).get("dependencies") or {}
    return [(name, state) for name, state in dependencies.items() if state["status"] != "ok"]


def memory(facts: Facts) -> Iterator[Finding]:
    """Find a worker near its limit of memory, and a machine that has little left."""
    for worker in _live(facts):
        used, most = worker.get("memory_bytes"), worker.get("memory_limit_bytes")
        if used and most and used > _MEMORY_SHARE * most:
            yield Finding(
                f"worker {worker['id']} has {used // _MIB:,} of {most // _MIB:,} MiB of memory",
                "lower WORKER_CONCURRENCY, raise its memory limit, or run tools in processes (isolation: process)",
            )
    if facts.memory is not None and facts.memory[0] < _LEAST_AVAILABLE * facts.memory[1]:
        free, whole = (amount // _MIB for amount in facts.memory)
        yield Finding(
            f"this machine has {free:,} of {whole:,} MiB of memory left",
            "lower WORKER_CONCURRENCY, stop other programs, or move workers to another machine",
        )


def no_worker(facts: Facts) -> Iterator[Finding]:
    """Find that nothing executes steps."""
    if facts.workers is not None and not _live(facts):
        yield Finding("no worker is live, so no step is executed", "start one: make run-worker")


def lost_worker(facts: Facts) -> Iterator[Finding]:
    """Find workers without a heartbeat."""
    for worker in facts.workers or ():
        if worker["state"] == "lost":
            yield Finding(
                f"worker {worker['id']} has had no heartbeat since {worker.get('last_seen_at')}",
                "read its log; if it was killed, start it again: others take over its steps when their leases end",
            )


def busy_workers(facts: Facts) -> Iterator[Finding]:
    """Find that all workers are at their concurrency."""
    live = _live(facts)
    if live and all(worker["in_flight"] >= worker["concurrency"] for worker in live):
        slots = sum(worker["concurrency"] for worker in live)
        yield Finding(
            f"all {slots} slots of the workers are taken, so further steps wait",
            "start more workers, or raise WORKER_CONCURRENCY if they mostly wait for models",
        )


def versions(facts: Facts) -> Iterator[Finding]:
    """Find workers of different versions."""
    seen = sorted({str(worker["version"]) for worker in _live(facts)})
    if len(seen) > 1:
        yield Finding(
            f"workers of the versions {' and '.join(seen)} run side by side",
            "that is fine during a rolling upgrade; else restart the older ones",
        )


def _live(facts: Facts) -> Sequence[Row]:
    return [worker for worker in facts.workers or () if worker["state"] == "live"]


def topics(facts: Facts) -> Iterator[Finding]:
    """Find topics that are missing or configured otherwise."""
    for topic in facts.topics or ():
        for problem in topic.get("problems") or ():
            fix = "python -m topics create" if topic.get("partitions") is None else "correct it on the broker"
            yield Finding(f"topic {topic['name']} {problem}", f"{fix}; see docs/how-to/operations.md")


def dead_letters(facts: Facts) -> Iterator[Finding]:
    """Find records that could not be used."""
    if facts.letters:
        count = "is 1 dead letter" if facts.letters == 1 else f"are {facts.letters:,} dead letters"
        yield Finding(
            f"there {count}: what readers could not use",
            "read them (agentctl dlq list), correct the cause, then agentctl dlq retry <position>",
        )


def tools(facts: Facts) -> Iterator[Finding]:
    """Find tools and functions that could not be loaded."""
    for problem in facts.load_problems:
        yield Finding(f"a package of tools cannot be used: {problem}", "correct the package, then restart the API")
