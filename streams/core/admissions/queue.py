"""How runs stand in line, and whose turn it is: the moves of the entity ``lines``, see
``schemas.tables.admissions``.
"""

from collections.abc import Iterator

import msgspec

from schemas.tables.admissions import (
    LINES,
    PLACED,
    POOL,
    Limits,
    Line,
    Organisation,
    Placed,
    Pool,
    limits_field,
    line_field,
    of_placed,
    organisation_field,
    placed_field,
)
from streams.core.state import State

_NOBODY = Organisation()
_EMPTY = Line()
_FREE = Limits()


class Lines:
    """The lines of all organisations during one event. What is empty has no entry."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def pool(self) -> Pool:
        """All organisations together."""
        return self._state.get(LINES, POOL) or Pool()

    @pool.setter
    def pool(self, pool: Pool) -> None:
        self._state.put(LINES, POOL, pool)

    def limits(self, org_id: str) -> Limits:
        """Return the limits of an organisation."""
        return self._state.get(LINES, limits_field(org_id)) or _FREE

    def limit(self, org_id: str, limits: Limits) -> None:
        """Set the limits of an organisation."""
        self._state.put(LINES, limits_field(org_id), limits)

    def organisation(self, org_id: str) -> Organisation:
        """Return the counts of an organisation."""
        return self._state.get(LINES, organisation_field(org_id)) or _NOBODY

    def line(self, org_id: str, workflow: str) -> Line:
        """Return a workflow's line."""
        return self._state.get(LINES, line_field(org_id, workflow)) or _EMPTY

    def placed(self, org_id: str, workflow: str, number: int) -> Placed | None:
        """Return the run with a number, ``None`` if it is over."""
        return self._state.get(LINES, placed_field(org_id, workflow, number))

    def admitted(self) -> Iterator[tuple[str, str, Placed]]:
        """Yield every run that was admitted and is not over, with organisation and workflow."""
        for field in self._state.fields(LINES):
            if not field.startswith(PLACED):
                continue
            org_id, workflow, number = of_placed(field)
            placed = self.placed(org_id, workflow, number)
            if placed is not None and number < self.line(org_id, workflow).head:
                yield org_id, workflow, placed

    # Moves

    def stand(self, org_id: str, workflow: str, placed: Placed) -> int:
        """Put a run at the end of its line; return its number."""
        line, number = self.line(org_id, workflow), self.line(org_id, workflow).tail
        first = line.waiting == 0
        self._state.put(LINES, placed_field(org_id, workflow, number), placed)
        self._set_line(
            org_id,
            workflow,
            Line(
                number if first else line.head,
                number + 1,
                line.running,
                line.waiting + 1,
                placed.since if first else line.since,
            ),
        )
        self._count(org_id, waiting=1, opened=workflow if first else None)
        return number

    def admit(self, org_id: str, workflow: str) -> Placed:
        """Let the first run of a line go, which has one; return it."""
        line = self.line(org_id, workflow)
        placed = self.placed(org_id, workflow, line.head)
        assert placed is not None  # the head of a line is never a hole
        self._went(org_id, workflow, line, running=1)
        return placed

    def leave(self, org_id: str, workflow: str, number: int) -> None:
        """Take away a run that is over, from its line or from those that run."""
        self._state.drop(LINES, placed_field(org_id, workflow, number))
        line = self.line(org_id, workflow)
        if number == line.head:
            self._went(org_id, workflow, line)
        elif number > line.head:
            changed = msgspec.structs.replace(line, waiting=line.waiting - 1)
            self._set_line(org_id, workflow, changed)
            self._count(org_id, waiting=-1)
        else:
            self._set_line(org_id, workflow, msgspec.structs.replace(line, running=line.running - 1))
            self._count(org_id, running=-1)

    def _went(self, org_id: str, workflow: str, line: Line, *, running: int = 0) -> None:
        """The first of a line goes; the next one that is still there is first now."""
        head, waiting, next_one = line.head + 1, line.waiting - 1, None
        while waiting and next_one is None:
            next_one = self.placed(org_id, workflow, head)
            head += next_one is None
        since = next_one.since if next_one is not None else 0
        self._set_line(
            org_id, workflow, Line(head if waiting else line.tail, line.tail, line.running + running, waiting, since)
        )
        self._count(org_id, waiting=-1, running=running, closed=None if waiting else workflow)

    def _set_line(self, org_id: str, workflow: str, line: Line) -> None:
        if line.running or line.waiting:
            self._state.put(LINES, line_field(org_id, workflow), line)
        else:
            self._state.drop(LINES, line_field(org_id, workflow))

    def _count(
        self, org_id: str, *, running: int = 0, waiting: int = 0, opened: str | None = None, closed: str | None = None
    ) -> None:
        one, pool = self.organisation(org_id), self.pool
        lines = one.lines if opened is None else (*one.lines, opened)
        if closed is not None:
            lines = tuple(name for name in lines if name != closed)
        self._set(org_id, Organisation(one.running + running, one.waiting + waiting, one.in_turn, lines))
        self.pool = Pool(pool.size, pool.running + running, pool.waiting + waiting, pool.turns)

    def turn(self, org_id: str, *, comes: bool) -> None:
        """Note whether an organisation has its turn coming."""
        self._set(org_id, msgspec.structs.replace(self.organisation(org_id), in_turn=comes))

    def _set(self, org_id: str, one: Organisation) -> None:
        if one.running or one.waiting or one.in_turn:
            self._state.put(LINES, organisation_field(org_id), one)
        else:
            self._state.drop(LINES, organisation_field(org_id))

    # Whose turn it is

    def next_of(self, org_id: str) -> str | None:
        """Return the workflow whose first run is the oldest of those that have room; ``None`` if nothing may go."""
        one, limits = self.organisation(org_id), self.limits(org_id)
        if not one.waiting or (limits.most is not None and one.running >= limits.most):
            return None
        oldest: tuple[int, str] | None = None
        for workflow in one.lines:
            line, most = self.line(org_id, workflow), limits.workflows.get(workflow)
            if (most is None or line.running < most) and (oldest is None or line.since < oldest[0]):
                oldest = line.since, workflow
        return None if oldest is None else oldest[1]
