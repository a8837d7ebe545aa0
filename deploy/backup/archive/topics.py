"""Which topics are archived, how, and in which order they are cut. Pure.

Effects are cut before their causes, as far as there is an order: the step requests, views and admissions that
``run-events`` led to before ``run-events``. What a cause had led to and the cut does not have is emitted again when its
table is restored; an effect without its cause would be a run that nobody submitted. Money comes last, so that a cost is
never lost.
"""

from collections.abc import Collection, Iterable, Mapping

from streams.ops.tables import TABLES
from topics.admin import in_sync
from topics.catalogue import (
    ADMISSIONS,
    DLQ_SUFFIX,
    RUN_EVENTS,
    RUN_VIEWS,
    STEP_REQUESTS,
    TABLE_ADMISSIONS,
    WORKFLOW_EVENTS,
    checkpoint_topic,
    declared,
    wanted,
)

#: Inputs of the fenced tables. Positions, checkpoints and the versions of runs are offsets of these.
EXACT = frozenset(topic for topic, _ in TABLES.values())
CHECKPOINTS = {checkpoint_topic(table): table for table in TABLES}
_DECLARED = frozenset(wanted())
_FIRST, _SECOND, _LAST = 0, 1, 2


def archived(names: Iterable[str]) -> list[str]:
    """Return the topics that are archived as records, in the order in which they are cut."""
    ours = [name for name in names if name not in CHECKPOINTS and is_ours(name)]
    return sorted(ours, key=lambda name: (_turn(name), name))


def is_ours(name: str) -> bool:
    """Return true for a topic of the catalogue or its dead letters."""
    if name in _DECLARED:
        return True
    try:
        declared(name.removesuffix(DLQ_SUFFIX))
    except KeyError:
        return False
    return True


def turns(names: Iterable[str]) -> list[list[str]]:
    """Return the topics that are cut together, in order."""
    by_turn: dict[int, list[str]] = {}
    for name in archived(names):
        by_turn.setdefault(_turn(name), []).append(name)
    return [by_turn[turn] for turn in sorted(by_turn)]


def input_of(table: str) -> str:
    """Return the topic that a table is folded from."""
    return TABLES[table][0]


def checkpoint_partitions(table: str, counts: Mapping[str, int], partitions: int) -> int:
    """Return how many partitions a table has: those of its input in the backup, else what topics had at first."""
    return counts.get(input_of(table), 1 if table == TABLE_ADMISSIONS else partitions)


def is_lane(name: str) -> bool:
    """Return true for a topic of step requests."""
    return name.startswith(f"{STEP_REQUESTS}.") and not name.endswith(DLQ_SUFFIX)


def configs(names: Collection[str], min_isr: int = 1) -> dict[str, dict[str, str]]:
    """Return the configuration of topics as the catalogue has it, of which ``min_isr`` replicas have each record."""
    known, kept = wanted(), in_sync(min_isr)
    return {name: (known[name] if name in known else declared(name).config()) | kept for name in names}


def open_for_writing(config: dict[str, str]) -> dict[str, str]:
    """Return a topic's configuration while it is restored: records keep their times, and none is too old."""
    return {name: text for name, text in config.items() if not name.startswith("retention.")} | {
        "message.timestamp.type": "CreateTime",
        **({"retention.ms": "-1"} if config["cleanup.policy"] == "delete" else {}),
    }


def _turn(name: str) -> int:
    if is_lane(name) or name in {RUN_VIEWS, ADMISSIONS} or name.startswith(f"{WORKFLOW_EVENTS}."):
        return _FIRST
    return _SECOND if name == RUN_EVENTS else _LAST
