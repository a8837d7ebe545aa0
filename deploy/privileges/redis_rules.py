"""What each role may do with Redis: patterns of keys and commands, as rules of its access lists (Redis 6 and newer).

Nothing but these keys exists for a user. Administration, and commands that look at all keys or delete them, are for
nobody. ``INFO`` is in every user's list, because Lua scripts ask a server who it is.
"""

from collections.abc import Mapping

from deploy.privileges.users import API, User
from streams.roles.registry import ROLES
from topics.catalogue import TABLE_ADMISSIONS, TABLE_BUDGETS, TABLE_DEPLOYMENTS, TABLE_QUALITY, TABLE_ROUTES, TABLE_RUNS

#: Of every user. The categories are Redis' own; what follows them is in none of ours.
COMMANDS = (
    *("-@all", "+@read", "+@write", "+@transaction", "-@dangerous"),
    *("+eval", "+evalsha", "+script|load", "+ping", "+hello", "+select", "+time", "+wait", "+info", "+role"),
    *("+readonly", "+cluster|slots", "+client|setname"),
)


def _of(table: str, *parts: str) -> tuple[str, ...]:
    """Return patterns of a table's keys in all its slots; without parts all of them."""
    return tuple(f"{{{table}:*}}:{part}" for part in parts or ("*",))


_WORKERS, _LEASES, _SUBMISSIONS = "{workers}:*", "{leases}:*", "{submissions}:*"
_ENTRIES = "e:*"
#: What a submission claims, and what is known of its run.
_SUBMIT = (*_of(TABLE_RUNS, "accepted:*", "chosen:*", "pos", _ENTRIES), _SUBMISSIONS)
_CLAIMS = (*_of(TABLE_RUNS, "claim:*", "pos", _ENTRIES), _WORKERS)

KEYS: Mapping[str, tuple[str, ...]] = {
    "ingress": _SUBMIT,
    "scheduler": _SUBMIT,
    "triggers": _SUBMIT,
    "worker": (
        *_CLAIMS,
        *_of(TABLE_BUDGETS, "hold:*", "held:*", "pos", "timers", _ENTRIES),
        *_of(TABLE_ROUTES, _ENTRIES),
        *_of(TABLE_DEPLOYMENTS, _ENTRIES),
        *("{quota}:*", "{cache}:*", "breaker:*", "shadow:*"),
    ),
    "leases": (*_CLAIMS, _LEASES),
    "scores": (*_SUBMIT, "shadow:*"),
    "batches": _of(TABLE_RUNS, "claim:*", _ENTRIES),
    API: (
        *_SUBMIT,
        *_CLAIMS,
        *(pattern for table in (TABLE_BUDGETS, TABLE_ADMISSIONS) for pattern in _of(table)),
        *(pattern for table in (TABLE_ROUTES, TABLE_DEPLOYMENTS, TABLE_QUALITY) for pattern in _of(table, _ENTRIES)),
        *("{*}:counters", "{*}:exemplars", "{*}:quarantine", "{*}:pos", "{*}:timers"),
        *(_LEASES, "{quota}:*", "{cache}:*", "{backup}:*", "breaker:*", "shadow:*", "rate:*"),
    ),
}


def keys_of(user: User) -> list[str]:
    """Return the patterns of a user's keys, sorted. An owner of a table has all of its keys."""
    found: set[str] = set()
    for role in user.roles:
        found.update(KEYS.get(role, ()))
        if role != API and (table := ROLES[role].table) is not None:
            found.update(_of(table))
    return sorted(found)


def has_user(user: User) -> bool:
    """Return true if some role of a user uses Redis."""
    return bool(keys_of(user))


def rules(user: User) -> list[str]:
    """Return a user's rules, as ``ACL SETUSER`` and a file of access lists take them; without a password."""
    return ["reset", "on", *(f"~{pattern}" for pattern in keys_of(user)), *COMMANDS]
