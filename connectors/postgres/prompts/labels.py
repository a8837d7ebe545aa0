"""Labels of prompts: words that name one version each, moved by compare-and-set, with their history.

1. lock      the prompt; a move of the same label waits here
2. compare   what the label names now with what the caller expects
3. write     the label, its history and its definition in one transaction
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue, withdraw
from connectors.postgres.prompts.rows import lock_prompt
from schemas.errors import Conflict, NotFound, TooLarge
from schemas.prompts.refs import MAX_LABELS

_COLUMNS = f"label, version, revision, moved_by, {epoch_ms('moved_at')} AS moved_ms"
MAX_MOVES = 1_000


class _Anything:
    """Whatever the label names now is right."""


ANYTHING: Final = _Anything()
#: What the caller believes that the label names: a version, ``None`` for no label at all, or anything.
Expected = int | None | _Anything


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """A label and the version that it names. ``revision`` counts its moves, ``moved_by`` is the id of a key."""

    label: str
    version: int
    revision: int
    moved_by: str
    moved_ms: int


@dataclass(frozen=True, slots=True)
class LabelMove:
    """One move of a label; without a version it was removed. ``message`` says why, where somebody said so."""

    label: str
    version: int | None
    revision: int
    moved_by: str
    moved_ms: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A change of one label: by whom, which is the id of a key, and why, where somebody says so."""

    org_id: str
    name: str
    label: str
    by: str
    message: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """Organisation, prompt and label: what finds the row."""
        return self.org_id, self.name, self.label


class PromptLabels:
    """The labels of all organisations' prompts. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, org_id: str, name: str) -> list[StoredLabel]:
        """Return the labels of a prompt, by label."""
        rows = await self._database.fetch(
            "list labels of a prompt",
            f"SELECT {_COLUMNS} FROM prompt_label WHERE org_id = $1 AND name = $2 ORDER BY label",
            *(org_id, name),
        )
        return [StoredLabel(**row) for row in rows]

    async def move(self, change: LabelChange, version: int, expected: Expected) -> StoredLabel:
        """Let a label name a version and return it. The change's message is kept with the move.

        Raises ``Conflict`` when it names another version than expected, with who moved it and when, or when the prompt
        is archived; ``NotFound`` without such a version, ``TooLarge`` for one label too many.
        """
        async with self._database.transaction("move a label") as conn:
            await lock_prompt(conn, change.org_id, change.name)
            await _require_version(conn, change.org_id, change.name, version)
            there = await _find(conn, change)
            by_same = there is not None and there.moved_by == change.by
            if there is not None and there.version == version and (by_same or _is(there, expected)):
                return there
            if not _is(there, expected):
                raise Conflict(_moved(change, there))
            return await _set(conn, change, version)

    async def set_all(self, org_id: str, name: str, labels: Sequence[str], version: int, by: str) -> None:
        """Let labels name a version in one transaction, whatever they named. Raises as ``move`` does."""
        async with self._database.transaction("move labels") as conn:
            await lock_prompt(conn, org_id, name)
            await _require_version(conn, org_id, name, version)
            for label in sorted(set(labels)):
                change = LabelChange(org_id, name, label, by)
                there = await _find(conn, change)
                if there is None or there.version != version:
                    await _set(conn, change, version)

    async def remove(self, change: LabelChange, expected: Expected) -> None:
        """Remove a label. Raises ``NotFound`` without one, and ``Conflict`` as ``move`` does."""
        async with self._database.transaction("remove a label") as conn:
            org_id, name, label = change.place
            await lock_prompt(conn, org_id, name)
            there = await _find(conn, change)
            if there is None:
                raise NotFound(f"prompt {name} has no label {label}; see GET /api/v1/prompts/{name}/labels")
            if not _is(there, expected):
                raise Conflict(_moved(change, there))
            await conn.execute(
                "DELETE FROM prompt_label WHERE org_id = $1 AND name = $2 AND label = $3", org_id, name, label
            )
            await _note(conn, change, there.revision + 1, None)
            # A label's definitions all have the version 1, and so one key: compaction leaves the last one.
            await withdraw(conn, "prompt_label", org_id, f"{name}@{label}", 1)

    async def history(self, org_id: str, name: str) -> list[LabelMove]:
        """Return the newest moves of a prompt's labels, the newest first."""
        rows = await self._database.fetch(
            "list moves of labels",
            f"SELECT {_COLUMNS}, message FROM prompt_label_move WHERE org_id = $1 AND name = $2 "
            f"ORDER BY moved_at DESC, label, revision DESC LIMIT {MAX_MOVES}",
            *(org_id, name),
        )
        return [LabelMove(**row) for row in rows]


async def _require_version(conn: Connection, org_id: str, name: str, version: int) -> None:
    row = await conn.fetchrow(
        "SELECT archived_at FROM prompt WHERE org_id = $1 AND name = $2 AND version = $3", org_id, name, version
    )
    if row is None:
        raise NotFound(f"there is no prompt {name}@{version}; see GET /api/v1/prompts/{name}/versions")
    if row["archived_at"] is not None:
        raise Conflict(f"prompt {name} is archived; restore it: POST /api/v1/prompts/{name}/restore")


async def _find(conn: Connection, change: LabelChange) -> StoredLabel | None:
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM prompt_label WHERE org_id = $1 AND name = $2 AND label = $3", *change.place
    )
    return None if row is None else StoredLabel(**row)


def _is(there: StoredLabel | None, expected: Expected) -> bool:
    return isinstance(expected, _Anything) or (None if there is None else there.version) == expected


async def _set(conn: Connection, change: LabelChange, version: int) -> StoredLabel:
    org_id, name, label = change.place
    counted = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM prompt_label WHERE org_id = $1 AND name = $2 AND label <> $3) AS labels, "
        "(SELECT coalesce(max(revision), 0) FROM prompt_label_move "
        "WHERE org_id = $1 AND name = $2 AND label = $3) AS revision",
        *change.place,
    )
    before = returned(counted, "count labels")
    if before["labels"] >= MAX_LABELS:
        raise TooLarge(f"a prompt has at most {MAX_LABELS} labels; remove one")
    row = await conn.fetchrow(
        "INSERT INTO prompt_label (org_id, name, label, version, revision, moved_by) VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT (org_id, name, label) DO UPDATE SET version = $4, revision = $5, moved_by = $6, moved_at = now() "
        f"RETURNING {_COLUMNS}",
        *(*change.place, version, before["revision"] + 1, change.by),
    )
    stored = StoredLabel(**returned(row, "move a label"))
    await _note(conn, change, stored.revision, version)
    body = {"name": name, "label": label, "version": version, "revision": stored.revision}
    await enqueue(conn, "prompt_label", org_id, f"{name}@{label}", body)
    return stored


async def _note(conn: Connection, change: LabelChange, revision: int, version: int | None) -> None:
    await conn.execute(
        "INSERT INTO prompt_label_move (org_id, name, label, revision, version, moved_by, message) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(*change.place, revision, version, change.by, change.message),
    )


def _moved(change: LabelChange, there: StoredLabel | None) -> str:
    _, name, label = change.place
    if there is None:
        return f"prompt {name} has no label {label} now; read its labels again, then send expected_version: null"
    at = datetime.fromtimestamp(there.moved_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return (
        f"label {label} of prompt {name} was moved to version {there.version} by key {there.moved_by} at {at}; look at "
        f"that version, then send expected_version: {there.version} to move it all the same"
    )
