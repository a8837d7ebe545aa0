"""Entries of the table ``admissions``. Its fold writes them; explanations of why a run waits read them.

Entity ``queues`` holds all that decides which run is admitted next; one record may admit a run of any organisation:

- ``pool``: ``Pool``, how many runs there are in all, and the organisations to admit from, in order
- ``l:<organisation>``: ``Limits``
- ``o:<organisation>``: ``Organisation``, its counts, and its queues that have runs queued
- ``q:<organisation>/<queue>``: ``Queue``; its runs have ticket numbers, and those below ``head`` were admitted
- ``w:<organisation>/<queue>/<number>``: ``Ticket``, a queued or running run; dropped when the run is over
- ``g:<organisation>/project/<project>``: the number of its running runs
- ``g:<organisation>/workflow/<workflow>``: the number of its running runs that are of any project

A queue has the runs of one workflow and one project, see ``queue_name``. So the oldest run that both limits have room
for is the first of some queue, however many runs before it wait for a project or a workflow that is full.

- of flow control the entries of ``schemas.tables.flow``

Entity ``run/<run id>``: ``b``, written once, and ``r``: ``RunPosition``, the run's ticket, or that it is over.

So a run costs one entry while it is queued and runs, admission writes none of a run, and an admitted run is found by
its number. Structs are MessagePack arrays: a new field goes last and has a default.
"""

from typing import Any

import msgspec

from schemas.tables.entry import BEGUN, Entry, entry
from schemas.tables.flow import DECODERS as DECODERS_OF_FLOW
from schemas.tables.flow import FlowValue

QUEUES = "queues"
RUN_PREFIX = "run/"
#: The entry of a run, beside ``BEGUN``.
POSITION: "Entry[RunPosition]" = entry("r")
POOL: "Entry[Pool]" = entry("pool")
ORGANISATION = "o:"
LIMITS = "l:"
QUEUE = "q:"
TICKET = "w:"
GROUP = "g:"
#: Stands between workflow and project in a queue's name; neither of them can contain it.
_OF_PROJECT = "@"


class Limits(msgspec.Struct, frozen=True, array_like=True):
    """How many runs of an organisation, and of its workflows and projects by name, may run at once.

    ``None``, or no name, is any number.
    """

    version: int = 0
    max_running: int | None = None
    workflows: dict[str, int] = {}
    projects: dict[str, int] = {}


class Organisation(msgspec.Struct, frozen=True, array_like=True):
    """An organisation's runs.

    ``queues`` are the names of queues with queued runs; ``in_rotation``: it stands in ``Pool.rotation``.
    """

    running: int = 0
    waiting: int = 0
    in_rotation: bool = False
    queues: tuple[str, ...] = ()


class Queue(msgspec.Struct, frozen=True, array_like=True):
    """The runs of one workflow and project. ``head`` is the first queued ticket's number.

    ``since`` is when that ticket came (an offset). ``tail`` is the next number to give out. A run that left the queue
    leaves a hole, which ``head`` passes over.
    """

    head: int = 0
    tail: int = 0
    running: int = 0
    waiting: int = 0
    since: int = 0


class Pool(msgspec.Struct, frozen=True, array_like=True):
    """All organisations together. ``size`` 0 is no limit; ``rotation`` are organisations, the next one first."""

    size: int = 0
    running: int = 0
    waiting: int = 0
    rotation: tuple[str, ...] = ()


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """A queued or running run. ``since`` is the offset at which it came."""

    run_id: str
    asked_ms: int
    since: int


class RunPosition(msgspec.Struct, frozen=True, array_like=True):
    """The ticket of a run in its queue, which has this name."""

    org_id: str
    queue: str
    number: int
    is_over: bool = False


Value = Limits | Organisation | Queue | Pool | Ticket | RunPosition | FlowValue | int


def queue_name(workflow: str, project: str = "") -> str:
    """Return the name of the queue of a workflow's runs of a project: ``flow@web``, ``flow`` for those of none."""
    return f"{workflow}{_OF_PROJECT}{project}" if project else workflow


def parse_queue_name(queue: str) -> tuple[str, str]:
    """Return workflow and project of a queue; the project is empty for none."""
    workflow, _, project = queue.partition(_OF_PROJECT)
    return workflow, project


def run_entity(run_id: str) -> str:
    """Return the entity of a run."""
    return f"{RUN_PREFIX}{run_id}"


def limits_field(org_id: str) -> Entry[Limits]:
    """Return the entry of an organisation's limits."""
    return entry(f"{LIMITS}{org_id}")


def organisation_field(org_id: str) -> Entry[Organisation]:
    """Return the entry of an organisation's counts."""
    return entry(f"{ORGANISATION}{org_id}")


def queue_field(org_id: str, queue: str) -> Entry[Queue]:
    """Return the entry of a queue."""
    return entry(f"{QUEUE}{org_id}/{queue}")


def project_field(org_id: str, project: str) -> Entry[int]:
    """Return the entry of the number of a project's running runs."""
    return entry(f"{GROUP}{org_id}/project/{project}")


def workflow_field(org_id: str, workflow: str) -> Entry[int]:
    """Return the entry of the number of a workflow's running runs that are of any project."""
    return entry(f"{GROUP}{org_id}/workflow/{workflow}")


def ticket_field(org_id: str, queue: str, number: int) -> Entry[Ticket]:
    """Return the entry of a ticket."""
    return entry(f"{TICKET}{org_id}/{queue}/{number}")


def parse_ticket_field(field: str) -> tuple[str, str, int]:
    """Return organisation, queue and number of a ticket's entry."""
    org_id, _, rest = field.removeprefix(TICKET).partition("/")
    queue, _, number = rest.rpartition("/")
    return org_id, queue, int(number)


def encode(value: Value) -> bytes:
    """Return an entry's stored bytes."""
    return _ENCODER.encode(value)


def decode(field: str, data: bytes) -> Any:
    """Return the value of stored bytes. Raises ``KeyError`` for an entry that is none of ours."""
    return _DECODERS[field if ":" not in field else field[:2]].decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    POOL: msgspec.msgpack.Decoder(Pool),
    ORGANISATION: msgspec.msgpack.Decoder(Organisation),
    LIMITS: msgspec.msgpack.Decoder(Limits),
    QUEUE: msgspec.msgpack.Decoder(Queue),
    TICKET: msgspec.msgpack.Decoder(Ticket),
    GROUP: msgspec.msgpack.Decoder(int),
    POSITION: msgspec.msgpack.Decoder(RunPosition),
    BEGUN: msgspec.msgpack.Decoder(int),
    **DECODERS_OF_FLOW,
}
