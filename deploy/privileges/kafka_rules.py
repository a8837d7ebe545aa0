"""What each role may do with Kafka, from the catalogue and the roles' specs. Nothing that is not here is allowed.

A role reads its topics in its consumer group and writes its own, the dead letters of what it reads, and the checkpoints
of its table. Kafka's ``Read`` and ``Write`` include ``Describe``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.privileges.users import API, SUBMITTERS, User
from streams.roles.registry import ROLES
from topics import catalogue
from topics.catalogue import CATALOGUE, DLQ_SUFFIX, TRIGGERS_DLQ, Topic, checkpoint_topic
from topics.groups import PREFIX, group_of

Resource = Literal["topic", "group", "transactional-id"]
Operation = Literal["Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"]
_BY_NAME = {topic.name: topic for topic in CATALOGUE}


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One operation that is allowed on a resource by its name, or on all whose names begin so."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """Topics of other systems, by name: those that triggers read, and those that ``kafka.produce`` writes."""

    read: Sequence[str] = ()
    written: Sequence[str] = ()


def rules_of(user: User, foreign: Foreign = Foreign()) -> list[Rule]:
    """Return all that a user may do, sorted."""
    return sorted({rule for role in user.roles for rule in _of_role(role, foreign)})


def _of_role(role: str, foreign: Foreign) -> Iterator[Rule]:
    if role == API:
        yield from _of_api()
        return
    spec = ROLES[role]
    for name in spec.reads:
        yield _on(name, "Read")
        # Tiers of a family are topics of their own.
        for topic in CATALOGUE:
            if topic.dead_letters and (topic.name == name or topic.name.startswith(f"{name}.")):
                yield Rule("topic", f"{topic.name}{DLQ_SUFFIX}", "Write")
    for name in spec.writes:
        yield _on(name, "Write")
    if spec.table is not None:
        yield from _of_table(spec.table)
    yield Rule("group", group_of(role), "Read")
    yield from _SPECIAL.get(role, ())
    if role in SUBMITTERS:
        yield from _submits()
    if role == "triggers":
        yield from (Rule("topic", name, "Read") for name in foreign.read)
    if role == "worker":
        yield from (_foreign_written(name) for name in foreign.written)


def _of_table(table: str) -> Iterator[Rule]:
    checkpoints = checkpoint_topic(table)
    yield Rule("topic", checkpoints, "Read")
    yield Rule("topic", checkpoints, "Write")
    yield Rule("transactional-id", f"{checkpoints}-", "Write", prefixed=True)


def _of_api() -> Iterator[Rule]:
    """The API writes, shows how far readers are, replays dead letters, and makes topics of organisations and queues."""
    for topic in CATALOGUE:
        if API in topic.writers:
            yield _on(topic.name, "Write")
        yield _on(topic.name, "Describe")
        if topic.dead_letters:
            yield from _dead_letters(topic)
        if topic.family:
            yield _on(topic.name, "Create")
    yield from _dead_letters_of(TRIGGERS_DLQ)
    # An organisation that comes from another cell brings the dead letters of its events.
    yield Rule("topic", f"{catalogue.SUBMISSIONS}{DLQ_SUFFIX}", "Write")
    yield Rule("topic", catalogue.RUN_EVENTS, "Read")  # the records of one run, for replays
    yield Rule("group", PREFIX, "Describe", prefixed=True)


def _dead_letters(topic: Topic) -> Iterator[Rule]:
    yield from _dead_letters_of(f"{topic.name}{DLQ_SUFFIX}")
    # A replay writes the record to where it came from.
    yield _on(topic.name, "Write")


def _dead_letters_of(name: str) -> Iterator[Rule]:
    yield Rule("topic", name, "Read")


def _on(name: str, operation: Operation) -> Rule:
    """Return a rule for a topic, or for all of a family."""
    family = _BY_NAME[name].family
    return Rule("topic", f"{name}." if family else name, operation, prefixed=family)


def _foreign_written(name: str) -> Rule:
    prefixed = name.endswith("*")
    return Rule("topic", name.removesuffix("*"), "Write", prefixed=prefixed)


def _submits() -> Iterable[Rule]:
    """What takes submissions looks whether a run is known: how far the orchestrator and history are."""
    groups = (Rule("group", group_of(role), "Describe") for role in ("orchestrator", "history"))
    return (*groups, _on(catalogue.RUN_VIEWS, "Describe"))


#: What follows from no spec.
_SPECIAL: dict[str, Iterable[Rule]] = {
    # It reads queues in the group of workers, so that a partition has one reader.
    "leases": (Rule("group", group_of("worker"), "Read"),),
    "triggers": (Rule("topic", TRIGGERS_DLQ, "Write"),),
}
