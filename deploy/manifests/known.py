"""Which environment variables a container may get: the settings, their files and parts, and a few of libraries."""

from collections.abc import Iterable
from functools import cache

from schemas.configuration.variables import FILE_SUFFIX, PARTS
from schemas.settings import variables

#: Read by the interpreter, the C library or the configuration file, and by no setting.
OTHERS = frozenset(
    {
        "CONFIG_FILE",
        "HOME",
        "MALLOC_ARENA_MAX",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "TMPDIR",
    }
)


@cache
def secret_names() -> list[str]:
    """Return the settings that are secrets, which may be files as well."""
    parts = {part for parts in PARTS.values() for part in parts if part.endswith("_PASSWORD")}
    return sorted(parts | {name for name, setting in variables().items() if setting.secret})


@cache
def setting_names() -> list[str]:
    """Return the settings that are no secrets."""
    parts = {part for parts in PARTS.values() for part in parts}
    return sorted({*variables(), *parts} - set(secret_names()))


@cache
def known() -> frozenset[str]:
    """Return the name of every variable that a process of ours reads."""
    files = {name + FILE_SUFFIX for name in secret_names()}
    return frozenset({*setting_names(), *secret_names(), *files, *OTHERS})


def unknown(names: Iterable[str]) -> list[str]:
    """Return those that no process of ours reads, in order."""
    return sorted(set(names) - known())
