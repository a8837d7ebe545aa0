"""The statements of migrations as a cluster takes them: on all its replicas, with tables that replicate.

A cluster here is one shard with any number of replicas; each has all rows, and reads and writes go to any of them.
Servers must have the macros ``shard`` and ``replica``, and a keeper.
"""

import re

#: Where a keeper has the state of a table. The words in braces are the server's macros.
PATH, REPLICA = "/clickhouse/tables/{shard}/{database}/{table}", "{replica}"

#: What names an object, up to its name. ``ON CLUSTER`` follows it.
_HEADS = (
    re.compile(r"^(CREATE DATABASE IF NOT EXISTS\s+\S+)", re.IGNORECASE),
    re.compile(r"^(CREATE TABLE IF NOT EXISTS\s+[^\s(]+)", re.IGNORECASE),
    re.compile(r"^(CREATE MATERIALIZED VIEW IF NOT EXISTS\s+[^\s(]+)", re.IGNORECASE),
    re.compile(r"^(CREATE (?:OR REPLACE )?VIEW(?: IF NOT EXISTS)?\s+[^\s(]+)", re.IGNORECASE),
    re.compile(r"^(ALTER TABLE\s+\S+)", re.IGNORECASE),
    re.compile(r"^(DROP (?:TABLE|VIEW) IF EXISTS\s+\S+)", re.IGNORECASE),
)
_ENGINE = re.compile(r"\bENGINE\s*=\s*(?P<kind>\w*MergeTree)\b\s*(?:\((?P<options>[^)]*)\))?")
#: What is no definition: rows that a migration moves are replicated as any others.
_ROWS = re.compile(r"^INSERT INTO\s", re.IGNORECASE)
_COMMENTS = re.compile(r"\A(?:\s*--[^\n]*\n)*\s*")


def on_cluster(statement: str, cluster: str) -> str:
    """Return a statement for all replicas of a cluster. Raises ``ValueError`` for one of another kind.

    What cannot be turned is refused, so that no migration makes a table on one replica alone.
    """
    comments = _COMMENTS.match(statement)
    start = comments.end() if comments is not None else 0
    head, body = statement[:start], statement[start:]
    if _ROWS.match(body):
        return statement
    for pattern in _HEADS:
        found = pattern.match(body)
        if found is not None:
            named = f"{found[1]} ON CLUSTER `{cluster}`{body[found.end() :]}"
            return head + _ENGINE.sub(_replicated, named)
    raise ValueError(f"a cluster cannot take this statement, since it names no table or view: {body[:80]!r}")


def _replicated(found: re.Match[str]) -> str:
    kind, options = found["kind"], (found["options"] or "").strip()
    if kind.startswith("Replicated"):
        return found[0]
    more = f", {options}" if options else ""
    return f"ENGINE = Replicated{kind}('{PATH}', '{REPLICA}'{more})"
