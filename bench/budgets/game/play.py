"""One game on real engines and roles: 64 callers in 8 workers, a budget of a dollar, kills, and the books compared.

Calls cost at random, half are streamed, slow ones are hedged, failed ones fall back. Workers, orchestrator, the table's
owner and Redis are killed, and Redis is emptied. In the end every book must say the same: the log, the live table, the
table that is folded again from the log after Redis was emptied, ClickHouse and the runs; and the service's bill has no
answer that nobody settled.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from bench.budgets.game.callers import Callers
from bench.budgets.game.ledger import Ledger, same_table, settled_ledger, stored_nano, table
from bench.budgets.game.service import INPUT_NANO, NAMES, OUTPUT_NANO, Service, serving
from bench.faults.ends import wait_for_quiet
from bench.faults.kills import keep_up, kill_while
from bench.lines import BenchError
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System

LIMIT_NANO = 1_000_000_000
MODEL, MAX_TOKENS, VERSION = "game-1", 128, "game"
WORKFLOWS = ("game_whole", "game_streamed")
#: Redis is emptied, too, not only killed.
EMPTIED = "redis emptied"
REBUILT_WITHIN_S, STORED_WITHIN_S = 60.0, 60.0


@dataclass(frozen=True)
class Sizes:
    """How many workers there are, how many callers for each, and how many kills."""

    workers: int = 8
    callers: int = 8
    kills: int = 24
    limit_nano: int = LIMIT_NANO
    seed: int = 1


FULL, QUICK = Sizes(), Sizes(workers=2, callers=6, kills=4, limit_nano=LIMIT_NANO // 10)


@dataclass
class Played:
    """What came out, in nano-dollars: ``books`` has the difference of each book from the log."""

    limit_nano: int
    killed: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    most_nano: int = 0
    total_nano: int = 0
    held_nano: int = 0
    books: dict[str, int] = field(default_factory=dict)
    #: Answers on the service's bill that nobody settled, and settlements of answers that it never made.
    off_bill: int = 0


class Game:
    """One game in a folder; played in the thread that its processes shall end with."""

    def __init__(self, folder: Path, sizes: Sizes, say: Progress) -> None:
        self._folder, self._sizes, self._say = folder, sizes, say
        self._chance = random.Random(sizes.seed)  # noqa: S311 - repeated by its seed
        self.played = Played(sizes.limit_nano)

    def play(self) -> Played:
        """Play it. Raises ``BenchError`` where the game itself cannot be played."""
        service = Service(self._sizes.seed)
        with serving(service) as url, self._system(url) as system:
            self._defined(system)
            callers = Callers(system.api_url, system.api_key, WORKFLOWS, self._sizes.workers * self._sizes.callers)
            callers.start()
            self._say(f"money: callers spend ${self._sizes.limit_nano / 1e9:g}, with {self._sizes.kills} kills")
            self.played.killed = kill_while(
                system, lambda: callers.at_work, self._sizes.kills, self._chance, self._victims(), self._strikes()
            )
            callers.join()
            keep_up(system)
            self.played.ends = Counter(callers.codes.get(run, end) for run, end in callers.ended.items())
            self._say("money: the books are compared")
            self._compare(system, service)
        return self.played

    def _compare(self, system: System, service: Service) -> None:
        endpoints, partitions, played = system.endpoints, system.partitions, self.played
        ledger = asyncio.run(settled_ledger(endpoints, partitions))
        asyncio.run(wait_for_quiet(endpoints))
        played.calls, played.most_nano, played.total_nano = len(ledger.settled), ledger.most, ledger.total
        played.kinds, played.off_bill = service.kinds, off_bill(ledger, service)
        live = asyncio.run(table(endpoints, ORG, partitions))
        played.held_nano = sum(live.held.values())
        played.books["live table"] = abs(live.spent - ledger.total)
        facts, runs = asyncio.run(stored_nano(endpoints, ledger.total, STORED_WITHIN_S))
        played.books |= {"ClickHouse": abs(facts - ledger.total), "runs": abs(runs - ledger.total)}
        self._say("money: Redis is emptied, and the table is folded again from the log")
        self._empty(system)
        again = asyncio.run(same_table(endpoints, ORG, partitions, live, REBUILT_WITHIN_S))
        played.books["rebuilt table"] = abs(again.spent - ledger.total) + (again != live)

    def _defined(self, system: System) -> None:
        """Register the prompt, the workflows and the budget."""
        with system.client() as client:
            prompt = {"name": "game", "version": 1, "template": "Say something short about {{.text}}"}
            bodies: list[tuple[str, dict[str, Any]]] = [("prompts", prompt)]
            bodies += [("workflows", _workflow(name, streamed=name == WORKFLOWS[1])) for name in WORKFLOWS]
            limit = f"{self._sizes.limit_nano / 1e9:.9f}"
            bodies.append(("budgets", {"name": "one dollar", "scope": "org", "period": "total", "limit_usd": limit}))
            for kind, body in bodies:
                answer = client.post(f"/api/v1/{kind}", json=body)
                if answer.is_error:
                    raise BenchError(f"{kind}: {answer.text[:300]}")

    def _victims(self) -> tuple[str, ...]:
        return (*(f"worker-{n}" for n in range(self._sizes.workers)), "orchestrator", "money", "redis", EMPTIED)

    def _strikes(self) -> dict[str, Any]:
        return {EMPTIED: self._empty}

    @staticmethod
    def _empty(system: System) -> None:
        with Redis.from_url(system.endpoints.redis_url) as redis:
            redis.flushall()

    def _system(self, url: str) -> System:
        workers = {f"worker-{n}": ("worker",) for n in range(self._sizes.workers)}
        layout = {
            "orchestrator": ("orchestrator",),
            "money": ("budgets", "admission", "leases"),
            "sinks": ("history", "analytics", "routes"),
            **workers,
        }
        env = {
            "CLAIM_LEASE_MS": "2000",
            "HOLD_TTL_MS": "12000",
            "SESSION_TIMEOUT_MS": "3000",
            "WORKER_DRAIN_S": "5",
            "WORKER_CONCURRENCY": str(self._sizes.callers),
            "CHECKPOINT_INTERVAL_MS": "1000",
            "OPENAI_BASE_URL": f"{url}/openai/v1",
            "OPENAI_API_KEY": "game",
            "COMPATIBLE_BASE_URL": f"{url}/compatible/v1",
            "ROUTES_FILE": self._file("routes.json", {"version": VERSION, "models": [_route(name) for name in NAMES]}),
            "PRICES_FILE": self._file("prices.json", [_price(name) for name in NAMES]),
        }
        return System(self._folder / "system", durable=False, layout=layout, env=env, progress=self._say)

    def _file(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)


def off_bill(ledger: Ledger, service: Service) -> int:
    """Return how many answers are on the bill and not in the log, or were settled and never made.

    An answer needs an actual settlement of its amount or a presumed one of its step, since who asked may have died.
    """
    actual: dict[str, Counter[int]] = defaultdict(Counter)
    presumed: Counter[str] = Counter()
    for call, event in ledger.settled.items():
        step = call.rpartition("@")[0].rpartition(":")[0]
        if event.kind == "presumed":
            presumed[step] += 1
        elif event.amount_nano:
            actual[step][event.amount_nano] += 1
    off = 0
    for step in service.bill.keys() | actual.keys():
        made = Counter(service.bill.get(step, ()))
        off += (actual[step] - made).total() + max(0, (made - actual[step]).total() - presumed[step])
    return off


def _workflow(name: str, *, streamed: bool) -> dict[str, Any]:
    config = {"prompt_ref": "game@1", "inputs": {"text": "{{text}}"}, "max_tokens": MAX_TOKENS}
    route = {"by": "cheapest", "models": [f"*/{MODEL}"], "max_fallbacks": 1, "hedge": "auto"}
    retries = {"max_attempts": 30, "initial_ms": 200, "max_ms": 2_000}
    policy = {"route": route, "stream": streamed, "timeout_ms": 8_000, "retries": retries}
    node = {"id": "ask", "type": "llm", "config": config, "policy": policy}
    return {"name": name, "version": 1, "dag": {"nodes": [node], "edges": []}}


def _route(name: str) -> dict[str, Any]:
    declared = {"quality": 0.7, "source": "declared: the service of a game", "context_tokens": 100_000}
    return {"provider": name, "model": MODEL, "latency_ms": 50} | declared


def _price(name: str) -> dict[str, str]:
    per_mtok = {"input_usd_per_mtok": f"{INPUT_NANO / 1000:g}", "output_usd_per_mtok": f"{OUTPUT_NANO / 1000:g}"}
    return {"provider": name, "model": MODEL, "version": VERSION} | per_mtok
