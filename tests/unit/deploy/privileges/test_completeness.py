"""Every table and key of the application has its line in ``deploy/privileges``, found without an engine.

A role builds its connectors in its own modules, so what these name is what the role's user needs.
"""

import ast
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from deploy.migrate import read_migrations
from deploy.privileges import postgres_rules, redis_rules
from deploy.privileges.users import API, User, each_role
from streams.roles.registry import ROLES

ROOT = Path(__file__).parents[4]
_SQL_NAME = re.compile(r"(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+([a-z_]+)")
#: Methods of a slot that make keys which a role beside the table's owner uses, and the table.
_SLOT_KEYS = {"claim": "runs", "accepted": "runs", "chosen": "runs", "held": "budgets", "hold": "budgets"}
_OTHER_KEYS = {"breaker_key(": "breaker:x", "rate_key(": "rate:x", "QUOTAS": "{quota}:x", "CacheKeys(": "{cache}:x"}


def migrated_tables() -> set[str]:
    schema = "\n".join(migration.sql for migration in read_migrations())
    made = re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)", schema)
    return set(made) - set(re.findall(r"DROP TABLE (?:IF EXISTS )?([a-z_]+)", schema))


def file_of(module: str) -> Path:
    path = ROOT / (module.replace(".", "/") + ".py")
    return path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def connectors_of(role: str, system: str) -> list[str]:
    """The sources of the connectors to a system that a role's own modules name."""
    start = Path(sys.modules[ROLES[role].build.__module__].__file__ or "")
    pending = [start] if start.parent.name in {"roles", "sinks"} else list(start.parent.glob("*.py"))
    seen: set[Path] = set()
    found: set[str] = set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        names = imported(path)
        found |= {name for name in names if name.startswith(f"connectors.{system}.")}
        pending += [file_of(name) for name in names if name.startswith("streams.roles.")]
    return [file_of(name).read_text(encoding="utf-8") for name in sorted(found)]


def test_every_table_of_the_migrations_has_a_line() -> None:
    named = {table for one in each_role() for table in postgres_rules.tables_of(one)}
    whole = set(postgres_rules.API_WHOLE)
    assert migrated_tables() - named == whole, "a table is in GRANTS, in API_ONLY, or in API_WHOLE"


@pytest.mark.parametrize("role", ROLES)
def test_role_may_read_the_tables_that_its_connectors_name(role: str) -> None:
    needed = {name for text in connectors_of(role, "postgres") for name in _SQL_NAME.findall(text)} & migrated_tables()
    assert needed <= set(postgres_rules.tables_of(User("one", (role,)))), "see deploy/privileges/postgres_rules.py"


@pytest.mark.parametrize("role", ROLES)
def test_role_may_touch_the_keys_that_its_connectors_name(role: str) -> None:
    needed: set[str] = set()
    for text in connectors_of(role, "redis"):
        needed |= {f"{prefix}:x" for prefix in re.findall(r'"(\{[a-z]+\}):', text)}
        needed |= {f"{{{table}:0}}:{key}:x" for key, table in _SLOT_KEYS.items() if f"lot.{key}(" in text}
        needed |= {key for word, key in _OTHER_KEYS.items() if word in text}
    assert {key for key in needed if not matched(key, redis_rules.keys_of(User("one", (role,))))} == set()


def test_every_key_of_the_application_is_somebodys() -> None:
    keys: set[str] = set(_OTHER_KEYS.values())
    for path in (ROOT / "connectors/redis").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        keys |= {f"{prefix}:x" for prefix in re.findall(r'(?<!f)"(\{[a-z]+\}):', text)}
        keys |= {f"{{{name}}}:x" for name in re.findall(r'f"\{\{([a-z]+)\}\}:', text)}
        keys |= {f"{name}:x" for name in re.findall(r'return f"([a-z]+):\{[a-z_]*id\}', text)}
    for part in re.findall(r"\{self\.prefix\}:([a-z]+)", (ROOT / "connectors/redis/keys.py").read_text("utf-8")):
        keys.add(f"{{runs:0}}:{part}:x")
    patterns = [pattern for one in each_role() for pattern in redis_rules.keys_of(one)]
    assert len(keys) > 12
    assert {key for key in keys if not matched(key, patterns)} == set()


def matched(key: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(key, pattern.replace("[", "[[]")) for pattern in patterns)


def test_the_api_may_do_everything_to_what_only_it_uses() -> None:
    assert not set(postgres_rules.API_WHOLE) & set(postgres_rules.API_ONLY)
    assert API not in postgres_rules.GRANTS
