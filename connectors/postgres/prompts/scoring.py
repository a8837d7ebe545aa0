"""How live answers of prompts are scored: a policy for each prompt, outside of its versions."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import msgspec

from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import NotFound, Unavailable
from schemas.prompts.evaluations import ScorerSpec

_COLUMNS = f"name, sample, scorers, version, label, judge, changed_by, {epoch_ms('changed_at')} AS changed_ms"
#: A new policy is used within this time; one that was removed likewise.
FRESH_S = 5.0


class JudgePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a live judge is asked: by which version of its workflow, and what it may spend, in nano-dollars.

    ``day_nano`` is for all answers within 24 hours, ``call_nano`` for one. ``calibration`` is the evaluation whose
    labels of people say how far the judge can be believed.
    """

    workflow_version: int
    day_nano: int
    call_nano: int
    calibration: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPolicy:
    """The share of a prompt's answers that is scored, 0 to 1, and by what.

    With ``version`` or ``label`` only answers of that version count. ``names`` is the version that the label names now.
    ``judge`` is there where one of the scorers is a judge.
    """

    name: str
    sample: float
    scorers: list[ScorerSpec]
    version: int | None = None
    label: str | None = None
    judge: JudgePlan | None = None
    changed_by: str = ""
    changed_ms: int = 0
    names: int | None = None

    def covers(self, version: int) -> bool:
        """Return whether answers of a version are scored."""
        if self.label is not None:
            return version == self.names
        return self.version in (None, version)


class PromptScoring:
    """The policies of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, org_id: str, policy: ScoringPolicy) -> ScoringPolicy:
        """Store a prompt's policy in place of the one it has; return it."""
        row = await self._database.fetchrow(
            "store a scoring policy",
            "INSERT INTO prompt_scoring (org_id, name, sample, scorers, version, label, changed_by, judge) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org_id, name) DO UPDATE SET sample = $3, "
            "scorers = $4, version = $5, label = $6, changed_by = $7, judge = $8, changed_at = now() "
            f"RETURNING {_COLUMNS}",
            *(org_id, policy.name, policy.sample, msgspec.to_builtins(policy.scorers)),
            *(policy.version, policy.label, policy.changed_by),
            None if policy.judge is None else msgspec.to_builtins(policy.judge),
        )
        return _policy(returned(row, "store a scoring policy"))

    async def get(self, org_id: str, name: str) -> ScoringPolicy:
        """Return a prompt's policy. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a scoring policy",
            f"SELECT {_COLUMNS} FROM prompt_scoring WHERE org_id = $1 AND name = $2",
            *(org_id, name),
        )
        if row is None:
            raise _nothing(name)
        return _policy(row)

    async def remove(self, org_id: str, name: str) -> None:
        """Remove a prompt's policy; its scores stay. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "remove a scoring policy",
            "DELETE FROM prompt_scoring WHERE org_id = $1 AND name = $2 RETURNING name",
            *(org_id, name),
        )
        if row is None:
            raise _nothing(name)

    async def of_org(self, org_id: str) -> dict[str, ScoringPolicy]:
        """Return the policies of an organisation, by prompt."""
        rows = await self._database.fetch(
            "list scoring policies",
            f"SELECT {_COLUMNS}, (SELECT version FROM prompt_label l WHERE l.org_id = s.org_id AND l.name = s.name "
            "AND l.label = s.label) AS names FROM prompt_scoring s WHERE org_id = $1",
            org_id,
        )
        return {row["name"]: _policy(row) for row in rows}

    async def organisations(self) -> frozenset[str]:
        """Return the organisations that have a policy which scores anything."""
        rows = await self._database.fetch(
            "list organisations with scoring policies", "SELECT DISTINCT org_id FROM prompt_scoring WHERE sample > 0"
        )
        return frozenset(row["org_id"] for row in rows)


class ScoredOrganisations:
    """The organisations with policies, as of some seconds ago, so that history asks nothing for each batch."""

    def __init__(self, policies: PromptScoring, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._policies = policies
        self._monotonic = monotonic
        self._known: frozenset[str] = frozenset()
        self._until = float("-inf")

    async def get(self) -> frozenset[str]:
        """Return them. While they cannot be read, the table is missing for instance, they are as before."""
        if self._monotonic() >= self._until:
            self._until = self._monotonic() + FRESH_S
            try:
                self._known = await self._policies.organisations()
            except Unavailable:
                return self._known
        return self._known


def _policy(row: asyncpg.Record) -> ScoringPolicy:
    fields = dict(row.items())
    judge = None if fields["judge"] is None else msgspec.convert(fields["judge"], JudgePlan)
    return ScoringPolicy(**{**fields, "judge": judge, "scorers": msgspec.convert(fields["scorers"], list[ScorerSpec])})


def _nothing(name: str) -> NotFound:
    return NotFound(f"live answers of prompt {name} are not scored; see PUT /api/v1/prompts/{name}/scoring")
