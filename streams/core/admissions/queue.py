"""The queues of admission, and which run is next: the moves of the entity ``queues``, see
``schemas.tables.admissions``.
"""

from collections.abc import Iterator

import msgspec

from schemas.tables.admissions import (
    POOL,
    QUEUES,
    TICKET,
    Limits,
    Organisation,
    Pool,
    Queue,
    Ticket,
    limits_field,
    organisation_field,
    parse_queue_name,
    parse_ticket_field,
    project_field,
    queue_field,
    ticket_field,
    workflow_field,
)
from streams.core.state import CorruptState, State

_NO_RUNS = Organisation()
_EMPTY = Queue()
_UNLIMITED = Limits()


class AdmissionQueues:
    """The queues of all organisations during one event. What is empty has no entry."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def pool(self) -> Pool:
        """All organisations together."""
        return self._state.get(QUEUES, POOL) or Pool()

    @pool.setter
    def pool(self, pool: Pool) -> None:
        self._state.put(QUEUES, POOL, pool)

    def limits(self, org_id: str) -> Limits:
        """Return the limits of an organisation."""
        return self._state.get(QUEUES, limits_field(org_id)) or _UNLIMITED

    def limit(self, org_id: str, limits: Limits) -> None:
        """Set the limits of an organisation."""
        self._state.put(QUEUES, limits_field(org_id), limits)

    def organisation(self, org_id: str) -> Organisation:
        """Return the counts of an organisation."""
        return self._state.get(QUEUES, organisation_field(org_id)) or _NO_RUNS

    def queue(self, org_id: str, name: str) -> Queue:
        """Return a queue."""
        return self._state.get(QUEUES, queue_field(org_id, name)) or _EMPTY

    def running_of_workflow(self, org_id: str, workflow: str) -> int:
        """Return how many runs of a workflow run, those of projects included."""
        of_projects = self._state.get(QUEUES, workflow_field(org_id, workflow)) or 0
        return self.queue(org_id, workflow).running + of_projects

    def running_of_project(self, org_id: str, project: str) -> int:
        """Return how many runs of a project run."""
        return self._state.get(QUEUES, project_field(org_id, project)) or 0

    def ticket(self, org_id: str, name: str, number: int) -> Ticket | None:
        """Return the ticket with a number in a queue, ``None`` if its run is over."""
        return self._state.get(QUEUES, ticket_field(org_id, name, number))

    def admitted(self) -> Iterator[tuple[str, str, Ticket]]:
        """Yield every run that was admitted and is not over, with organisation and queue."""
        for field in self._state.fields(QUEUES):
            if not field.startswith(TICKET):
                continue
            org_id, name, number = parse_ticket_field(field)
            ticket = self.ticket(org_id, name, number)
            if ticket is not None and number < self.queue(org_id, name).head:
                yield org_id, name, ticket

    # Moves

    def append(self, org_id: str, name: str, ticket: Ticket) -> int:
        """Put a run at the end of its queue; return its ticket's number."""
        queue, number = self.queue(org_id, name), self.queue(org_id, name).tail
        first = queue.waiting == 0
        self._state.put(QUEUES, ticket_field(org_id, name, number), ticket)
        self._set_queue(
            org_id,
            name,
            Queue(
                number if first else queue.head,
                number + 1,
                queue.running,
                queue.waiting + 1,
                ticket.since if first else queue.since,
            ),
        )
        self._count(org_id, waiting=1, opened=name if first else None)
        return number

    def admit(self, org_id: str, name: str) -> Ticket:
        """Admit the first run of a queue; return its ticket. Raises ``CorruptState`` for a queue without one."""
        queue = self.queue(org_id, name)
        ticket = self.ticket(org_id, name, queue.head)
        if ticket is None:
            raise CorruptState(f"the queue of {org_id}/{name} begins with a hole at {queue.head}")
        self._remove_head(org_id, name, queue, running=1)
        return ticket

    def leave(self, org_id: str, name: str, number: int) -> None:
        """Remove a run that is over, whether it was queued or running."""
        self._state.drop(QUEUES, ticket_field(org_id, name, number))
        queue = self.queue(org_id, name)
        if number == queue.head:
            self._remove_head(org_id, name, queue)
        elif number > queue.head:
            changed = msgspec.structs.replace(queue, waiting=queue.waiting - 1)
            self._set_queue(org_id, name, changed)
            self._count(org_id, waiting=-1)
        else:
            self._set_queue(org_id, name, msgspec.structs.replace(queue, running=queue.running - 1))
            self._count(org_id, running=-1)

    def _remove_head(self, org_id: str, name: str, queue: Queue, *, running: int = 0) -> None:
        """Remove the first ticket; the next one that is still there becomes the head."""
        head, waiting, next_one = queue.head + 1, queue.waiting - 1, None
        while waiting and next_one is None:
            next_one = self.ticket(org_id, name, head)
            head += next_one is None
        since = next_one.since if next_one is not None else 0
        self._set_queue(
            org_id,
            name,
            Queue(head if waiting else queue.tail, queue.tail, queue.running + running, waiting, since),
        )
        self._count(org_id, waiting=-1, running=running, closed=None if waiting else name)

    def _set_queue(self, org_id: str, name: str, queue: Queue) -> None:
        self._count_groups(org_id, name, queue.running - self.queue(org_id, name).running)
        if queue.running or queue.waiting:
            self._state.put(QUEUES, queue_field(org_id, name), queue)
        else:
            self._state.drop(QUEUES, queue_field(org_id, name))

    def _count_groups(self, org_id: str, name: str, running: int) -> None:
        """Add to the running runs of a queue's project, and to those of its workflow that are of projects."""
        workflow, project = parse_queue_name(name)
        if not project or not running:
            return
        for field in (project_field(org_id, project), workflow_field(org_id, workflow)):
            now = (self._state.get(QUEUES, field) or 0) + running
            if now:
                self._state.put(QUEUES, field, now)
            else:
                self._state.drop(QUEUES, field)

    def _count(
        self, org_id: str, *, running: int = 0, waiting: int = 0, opened: str | None = None, closed: str | None = None
    ) -> None:
        one, pool = self.organisation(org_id), self.pool
        queues = one.queues if opened is None else (*one.queues, opened)
        if closed is not None:
            queues = tuple(name for name in queues if name != closed)
        self._set(org_id, Organisation(one.running + running, one.waiting + waiting, one.in_rotation, queues))
        self.pool = Pool(pool.size, pool.running + running, pool.waiting + waiting, pool.rotation)

    def rotate(self, org_id: str, *, joins: bool) -> None:
        """Record that an organisation joined the rotation or left it."""
        self._set(org_id, msgspec.structs.replace(self.organisation(org_id), in_rotation=joins))

    def _set(self, org_id: str, one: Organisation) -> None:
        if one.running or one.waiting or one.in_rotation:
            self._state.put(QUEUES, organisation_field(org_id), one)
        else:
            self._state.drop(QUEUES, organisation_field(org_id))

    # Which run is next

    def next_of(self, org_id: str) -> str | None:
        """Return the queue whose first run is the oldest of those that have room; ``None`` if nothing may go."""
        one, limits = self.organisation(org_id), self.limits(org_id)
        if not one.waiting or (limits.max_running is not None and one.running >= limits.max_running):
            return None
        oldest: tuple[int, str] | None = None
        for name in one.queues:
            since = self.queue(org_id, name).since
            if (oldest is None or since < oldest[0]) and self._has_room(org_id, limits, name):
                oldest = since, name
        return None if oldest is None else oldest[1]

    def _has_room(self, org_id: str, limits: Limits, name: str) -> bool:
        workflow, project = parse_queue_name(name)
        most, most_of_project = limits.workflows.get(workflow), limits.projects.get(project)
        if most is not None and self.running_of_workflow(org_id, workflow) >= most:
            return False
        return most_of_project is None or self.running_of_project(org_id, project) < most_of_project
