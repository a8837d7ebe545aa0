"""What each role may do with ClickHouse. Roles without a line here have no user in it."""

from collections.abc import Iterator, Mapping

from deploy.privileges.users import API, User

#: Rights on all tables of the database. Deletes of rows are mutations, which ClickHouse calls ``ALTER DELETE``.
GRANTS: Mapping[str, tuple[str, ...]] = {
    "analytics": ("SELECT", "INSERT"),
    "traces": ("SELECT", "ALTER DELETE"),
    # Old costs are added up by inserts.
    "retention": ("SELECT", "INSERT", "ALTER DELETE", "ALTER UPDATE"),
    # An administrator may delete a run.
    API: ("SELECT", "ALTER DELETE", "ALTER UPDATE"),
}


def rights_of(user: User) -> list[str]:
    """Return a user's rights, sorted."""
    return sorted({right for role in user.roles for right in GRANTS.get(role, ())})


def has_user(user: User) -> bool:
    """Return true if some role of a user uses ClickHouse."""
    return bool(rights_of(user))


def statements(user: User, database: str, password_sha256: str) -> Iterator[str]:
    """Yield the statements that make a user what it should be. Safe to repeat.

    Without a digest of its password a new user cannot log in until a password is set.
    """
    name, where = _quoted(user.name), f"{_quoted(database)}.*"
    hashed = f"IDENTIFIED WITH sha256_hash BY '{password_sha256 or '0' * 64}'"
    yield f"CREATE USER IF NOT EXISTS {name} {hashed}"
    if password_sha256:
        yield f"ALTER USER {name} {hashed}"
    yield f"REVOKE ALL ON *.* FROM {name}"
    yield f"GRANT {', '.join(rights_of(user))} ON {where} TO {name}"


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
