"""The topics on a broker beside the catalogue."""

from dataclasses import dataclass

from topics.admin import TopicAdmin
from topics.catalogue import DLQ_SUFFIX, SUBMISSIONS, declared, is_queue, organisation_of, wanted


@dataclass(frozen=True)
class ListedTopic:
    """A topic of the catalogue. ``partitions`` is ``None`` if the broker does not have it."""

    name: str
    summary: str
    key: str
    partitions: int | None
    problems: tuple[str, ...]


async def listed(admin: TopicAdmin, partitions: int) -> list[ListedTopic]:
    """Return every topic that there should be, with what differs. Raises ``Unavailable``.

    Families are those of the organisations and queues that have topics already.
    """
    there = await admin.names()
    should = wanted(_organisations(there), [name.partition(".")[2] for name in there if is_queue(name)])
    counts = await admin.counts([name for name in should if name in there])
    problems: dict[str, list[str]] = {}
    for difference in await admin.verify(should, partitions):
        problems.setdefault(difference.topic, []).append(difference.message)
    return [_listed(name, counts.get(name), tuple(problems.get(name, ()))) for name in sorted(should)]


def _organisations(names: set[str]) -> list[str]:
    submissions = f"{SUBMISSIONS}."
    return [organisation_of(name) for name in names if name.startswith(submissions) and not name.endswith(DLQ_SUFFIX)]


def _listed(name: str, partitions: int | None, problems: tuple[str, ...]) -> ListedTopic:
    if name.endswith(DLQ_SUFFIX):
        origin = name.removesuffix(DLQ_SUFFIX)
        return ListedTopic(name, f"dead letters of {origin}", "as there", partitions, problems)
    topic = declared(name)
    return ListedTopic(name, topic.summary, topic.key, partitions, problems)
