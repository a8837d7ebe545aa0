"""What each role may do with PostgreSQL's tables. Roles without a line here have no user in it.

``S``, ``I``, ``U`` and ``D`` are ``SELECT``, ``INSERT``, ``UPDATE`` and ``DELETE``. No role may change the schema:
migrations run as the tables' owner.
"""

from collections.abc import Iterable, Iterator, Mapping

from deploy.privileges.users import API, User

WORDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
Tables = dict[str, str]

#: Keys of data subjects and the tokens of redacted values; in another database where ``VAULT_DSN`` names one.
VAULT: Tables = {"vault_org_key": "SIU", "vault_subject_key": "SIU", "vault_token": "SIUD"}
_RUNS: Tables = {"workflow_run": "S", "step_run": "S", "deleted_run": "S"}
#: What a submission is checked by, and becomes a plan of.
_SUBMISSION: Tables = {
    **_RUNS,
    **VAULT,
    **dict.fromkeys(("workflow", "prompt", "prompt_label", "project", "deployment", "price_list", "run_limits"), "S"),
    **dict.fromkeys(("policy_version", "policy_activation", "provider_facts", "organisation", "queue_tool"), "S"),
    # Where organisations are that left, and which of their events were sent on.
    **dict.fromkeys(("organisation_place", "cell_move"), "S"),
}

GRANTS: Mapping[str, Tables] = {
    "ingress": _SUBMISSION,
    "scheduler": _SUBMISSION | {"schedule": "SU", "schedule_backfill": "SU"},
    "triggers": _SUBMISSION | {"run_trigger": "S", "run_trigger_position": "SIU"},
    "worker": VAULT
    | dict.fromkeys(("provider_key", "tool_secret", "tool_secret_version", "mcp_server", "mcp_pin"), "S")
    | {"batch_item": "SI", "provider_batch": "S"},
    "leases": VAULT,
    "bridge": VAULT,
    "history": {
        **dict.fromkeys(("workflow_run", "step_run"), "SIU"),
        **dict.fromkeys(("deleted_run", "prompt_scoring", "prompt_label"), "S"),
        "live_score_due": "SI",
    },
    "scores": _SUBMISSION
    | {"prompt_scoring": "S", "live_score_due": "SUD", "live_score": "SI", "live_judgement": "SIU"},
    "rollouts": {"deployment": "SU", "prompt_label": "SIUD", "prompt_label_move": "SI", "prompt": "S"},
    "webhooks": {"webhook": "S", "webhook_delivery": "SIUD", "organisation_place": "S"},
    "batches": {"batch_item": "SUD", "provider_batch": "SIUD", "price_list": "S", "provider_key": "S"},
    "audit": {
        "audit_log": "SIU",
        "audit_entry": "SIU",
        "audit_checkpoint": "SID",
        "audit_key": "SI",
        "audit_hold": "S",
    },
    "retention": {
        **dict.fromkeys(("workflow_run", "step_run", "live_score_due", "live_score"), "SD"),
        **dict.fromkeys(("organisation", "run_hold", "audit_log", "audit_entry", "audit_hold"), "S"),
        "deleted_run": "SI",
        "object_due": "SID",
    },
}
#: The API may do everything to every table but these: the audit log is written by its role, runs by ``history``.
API_ONLY: Tables = {
    **dict.fromkeys(("audit_entry", "audit_checkpoint", "audit_key", "audit_log"), "S"),
    **dict.fromkeys(("workflow_run", "step_run"), "SD"),
    "deleted_run": "SI",
    "schema_migration": "S",
}
#: Tables that no role has a line for: the API alone uses them, and may do everything to them. A new table is in one of
#: the three lists (a test compares them with the migrations).
API_WHOLE = (
    *("api_key", "stop", "budget", "organisation_quotas", "optimizer_change", "definition_outbox"),
    *("evaluation", "dataset_case", "dataset_version", "cell_arrival"),
)


def tables_of(user: User) -> dict[str, str]:
    """Return what a user may do with tables by name; the API's other tables are not in it."""
    found: dict[str, str] = {}
    for role in user.roles:
        for table, letters in (API_ONLY if role == API else GRANTS.get(role, {})).items():
            found[table] = "".join(letter for letter in WORDS if letter in found.get(table, "") + letters)
    return found


def has_user(user: User) -> bool:
    """Return true if some role of a user uses PostgreSQL."""
    return any(role == API or role in GRANTS for role in user.roles)


def statements(user: User, verifier: str) -> Iterator[str]:
    """Yield the statements that make a user what it should be, in one transaction. Safe to repeat.

    ``verifier`` is what the server keeps of the password; without one the password stays.
    """
    name = quoted(user.name)
    plain = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS LOGIN"
    yield (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user.name}') "
        f"THEN CREATE ROLE {name}; END IF; END $$"
    )
    yield f"ALTER ROLE {name} {plain}" + (f" PASSWORD '{verifier}'" if verifier else "")
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"
    yield f"GRANT USAGE ON SCHEMA public TO {name}"
    if API in user.roles:
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
    yield from _narrowed(name, tables_of(user), whole=API in user.roles)


def _narrowed(name: str, tables: Tables, *, whole: bool) -> Iterable[str]:
    for table, letters in sorted(tables.items()):
        if whole:
            yield f"REVOKE ALL ON {table} FROM {name}"
        yield f"GRANT {', '.join(WORDS[letter] for letter in letters)} ON {table} TO {name}"


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'
