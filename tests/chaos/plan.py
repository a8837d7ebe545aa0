"""Which faults strike when: drawn ahead from a seed, without I/O, so that a seed gives the same plan anywhere.

Each fault is a card of a shuffled deck, so that in a few minutes everything is hit about as often. A process is hit
by one fault at a time, and at most ``MAX_AT_ONCE`` faults overlap.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "stop", "flush", "pause", "cut", "delay", "throttle"]
KINDS: tuple[Kind, ...] = ("kill", "stop", "flush", "pause", "cut", "delay", "throttle")
ON_LINKS: tuple[Kind, ...] = ("pause", "cut", "delay", "throttle")

#: Three at once find what two do not; with more, nothing works for minutes and nothing is found.
MAX_AT_ONCE = 3
#: Until a killed process works again on a busy machine: the plan takes it for under way that long.
RESTART_S = 4.0
SLOW_RESTART_S = {"kafka": 10.0}
LONGEST_STOP_S = 15.0
GAP_S = (0.3, 3.0)
DOWN_S = (0.0, 3.0)
STOP_S = (1.0, LONGEST_STOP_S)
LINK_S = (0.5, 10.0)
DELAY_MS = (20, 400)
BYTES_PER_S = (4_000, 64_000)
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``target`` is a process, or a link as ``role>engine`` where ``*`` is every role.

    ``lasts_s`` is how long a process is down or stopped, or a link disturbed; ``amount`` is a delay in milliseconds
    or a rate in bytes a second.
    """

    at_s: float
    kind: Kind
    target: str
    lasts_s: float = 0.0
    amount: int = 0

    @property
    def free_at_s(self) -> float:
        """When the plan may strike the target again."""
        restart_s = SLOW_RESTART_S.get(self.target, RESTART_S) if self.kind in ("kill", "flush") else 0.5
        return self.at_s + self.lasts_s + restart_s

    def __str__(self) -> str:
        match self.kind:
            case "flush":
                return f"flush    {self.target}"
            case "delay":
                return f"delay    {self.target} by {self.amount} ms for {self.lasts_s:.1f} s"
            case "throttle":
                return f"throttle {self.target} to {self.amount / 1000:.0f} kB/s for {self.lasts_s:.1f} s"
        return f"{self.kind:8} {self.target} for {self.lasts_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Targets:
    """What may be hit: ``stopped_only`` are processes that must never die; ``links`` are engines by role."""

    processes: Sequence[str]
    stopped_only: Sequence[str]
    links: Mapping[str, Sequence[str]]


def draw(seed: int, seconds: float, targets: Targets) -> list[Fault]:
    """Return the faults of ``seconds``, by time; every one is over by then."""
    chance = random.Random(f"faults:{seed}")
    faults: list[Fault] = []
    hand: list[tuple[Kind, str]] = []
    at_s = _room(faults, 1.0 + chance.uniform(*GAP_S))
    while at_s < seconds:
        if not hand:
            hand = _deck(targets, chance)
        busy = {_struck(f.target) for f in faults if f.free_at_s > at_s}
        card = next((c for c in hand if _struck(c[1]) not in busy), None)
        if card is not None:
            fault = _fault(chance, at_s, *card, longest_s=seconds / 4)
            if fault.at_s + fault.lasts_s <= seconds:
                hand.remove(card)
                faults.append(fault)
        at_s = _room(faults, at_s + chance.uniform(*GAP_S))
    return faults


def _deck(targets: Targets, chance: random.Random) -> list[tuple[Kind, str]]:
    """Return every process killed and stopped once, half of the links disturbed, and Redis emptied three times."""
    engines = sorted({engine for engines in targets.links.values() for engine in engines})
    everywhere: list[tuple[Kind, str]] = [(kind, f"{EVERY}>{engine}") for engine in engines for kind in ON_LINKS]
    single = [
        (chance.choice(ON_LINKS), f"{role}>{engine}") for role, engines in targets.links.items() for engine in engines
    ]
    deck: list[tuple[Kind, str]] = [("kill", name) for name in targets.processes]
    deck += [("stop", name) for name in (*targets.processes, *targets.stopped_only)]
    deck += [("flush", "redis")] * 3
    deck += chance.sample(everywhere, len(everywhere) // 2) + chance.sample(single, len(single) // 2)
    chance.shuffle(deck)
    return deck


def _fault(chance: random.Random, at_s: float, kind: Kind, target: str, longest_s: float) -> Fault:
    match kind:
        case "kill":
            return Fault(at_s, kind, target, chance.uniform(*DOWN_S))
        case "stop":
            return Fault(at_s, kind, target, min(longest_s, chance.uniform(*STOP_S)))
        case "flush":
            return Fault(at_s, kind, target)
    lasts_s = min(longest_s, chance.uniform(*LINK_S))
    amount = {"delay": chance.randint(*DELAY_MS), "throttle": chance.randint(*BYTES_PER_S)}.get(kind, 0)
    return Fault(at_s, kind, target, lasts_s, amount)


def _room(faults: Sequence[Fault], at_s: float) -> float:
    """Return the first moment from ``at_s`` on at which fewer than ``MAX_AT_ONCE`` faults are under way."""
    ends = sorted(f.free_at_s for f in faults if f.free_at_s > at_s)
    return at_s if len(ends) < MAX_AT_ONCE else ends[-MAX_AT_ONCE]


def _struck(target: str) -> str:
    """Return what a fault keeps busy: the process, or all links to an engine."""
    return target.rpartition(">")[1] + target.rpartition(">")[2]
