"""Which tables belong to organisations and travel with them, and which belong to the installation.

The list is compared with the schema before each move, and in a test: a table that is in neither is refused, so none is
forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.postgres import copying
from connectors.postgres.copying import Connection
from connectors.postgres.errors import postgres_errors


@dataclass(frozen=True, slots=True)
class Carried:
    """A table of organisations.

    ``by`` is the column that names them. ``made_there`` are columns that the target gives values of its own.
    ``passing`` are columns that change without a meaning, or that the target changes when it opens: they travel, and
    are not compared. ``vault``: the table is where the vault's keys are.
    """

    by: str = "org_id"
    made_there: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    vault: bool = False


_USED = Carried(passing=frozenset({"last_used_at"}))
_LEASED = Carried(passing=frozenset({"leased_until"}))
_VAULT = Carried(vault=True)
_PLAIN = Carried()

CARRIED: Mapping[str, Carried] = {
    "organisation": Carried(by="id"),
    "project": _PLAIN,
    "api_key": _USED,
    "workflow": _PLAIN,
    "prompt": _PLAIN,
    "prompt_label": _PLAIN,
    "prompt_label_move": _PLAIN,
    "prompt_scoring": _PLAIN,
    "dataset_version": _PLAIN,
    "dataset_case": _PLAIN,
    "evaluation": _PLAIN,
    "deployment": _PLAIN,
    "live_score": _PLAIN,
    "live_score_due": Carried(passing=frozenset({"due_at"})),
    "live_judgement": _PLAIN,
    "schedule": _LEASED,
    "schedule_backfill": _LEASED,
    "run_trigger": _PLAIN,
    "budget": _PLAIN,
    "stop": _PLAIN,
    # The target says the limits to its own table of admissions.
    "run_limits": Carried(passing=frozenset({"said_version"})),
    "organisation_quotas": _PLAIN,
    "price_list": _PLAIN,
    "optimizer_change": _PLAIN,
    "provider_key": _USED,
    "provider_facts": _PLAIN,
    "provider_batch": _PLAIN,
    "batch_item": _PLAIN,
    "tool_secret": _USED,
    "tool_secret_version": _PLAIN,
    "mcp_server": _PLAIN,
    "mcp_pin": _PLAIN,
    "queue_tool": _PLAIN,
    "webhook": _PLAIN,
    "webhook_delivery": Carried(made_there=frozenset({"seq"}), passing=frozenset({"claimed_until"})),
    "policy_version": _PLAIN,
    "policy_activation": _PLAIN,
    "audit_log": _PLAIN,
    "audit_entry": _PLAIN,
    "audit_checkpoint": _PLAIN,
    "audit_hold": _PLAIN,
    "workflow_run": _PLAIN,
    "step_run": _PLAIN,
    "run_hold": _PLAIN,
    "deleted_run": _PLAIN,
    "vault_org_key": _VAULT,
    "vault_subject_key": _VAULT,
    "vault_token": _VAULT,
}
#: Tables of the installation, each with the reason why it stays.
STAYS: Mapping[str, str] = {
    "schema_migration": "is the same in both cells, which is compared",
    "definition_outbox": "is empty before a copy begins; definitions are read from their topic",
    "audit_key": "has public keys of an installation; those that signed for the organisation are sent",
    "run_trigger_position": "has offsets of this cell's brokers; triggers of topics are paused before a move",
    "object_due": "has what a sweep of objects found here; the sweep of the other cell begins again",
    "organisation_place": "says where organisations are",
    "cell_move": "says where organisations went",
    "cell_arrival": "says where organisations came from",
}


def unclassified(names: Sequence[str]) -> list[str]:
    """Return the tables that are in neither list, and those of a list that are not there."""
    known = CARRIED.keys() | STAYS.keys()
    return sorted(known ^ set(names))


@dataclass(frozen=True, slots=True)
class Table:
    """A table that travels, with the columns that do, in their order."""

    name: str
    columns: tuple[str, ...]

    @property
    def carried(self) -> Carried:
        """How it travels."""
        return CARRIED[self.name]

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that both cells compare."""
        return tuple(one for one in self.columns if one not in self.carried.passing)


async def tables_that_travel(conn: Connection) -> list[Table]:
    """Return the tables of organisations, each after those that it refers to.

    Raises ``LookupError`` that names tables which are in no list: nothing may move before somebody decides about them.
    """
    found = await copying.tables(conn)
    if unknown := unclassified(list(found)):
        raise LookupError(f"nobody decided whether {', '.join(unknown)} travels with an organisation")
    ordered = await copying.parents_first(conn, [name for name in found if name in CARRIED])
    return [Table(name, tuple(c for c in found[name] if c not in CARRIED[name].made_there)) for name in ordered]


async def migrations(conn: Connection) -> str:
    """Return the newest migration: its number, its name and its checksum."""
    with postgres_errors("read the migrations"):
        found = await conn.fetchrow("SELECT number, name, checksum FROM schema_migration ORDER BY number DESC LIMIT 1")
    return "none" if found is None else " ".join(map(str, found.values()))
