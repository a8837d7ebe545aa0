"""How operators' commands find the system that ``make run`` keeps: by the environment file in its data directory."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

DATA_DIR = ".agentflow"
ENV_FILE = "env"
#: As in `schemas.configuration.variables`, which `make run` has no time to load.
_FILE_SUFFIX = "_FILE"
#: A URL that the environment gives in parts is a whole URL there, too.
_PARTS = {"DATABASE_URL": "DB_HOST", "REDIS_URL": "REDIS_HOST", "CLICKHOUSE_URL": "CLICKHOUSE_HOST"}
_HELP = "the data directory of `make run`; default: the nearest .agentflow upward. Variables of the environment win"


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-dir`` to a command, for its help; ``environment`` reads it."""
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help=_HELP)


def environment(env: Mapping[str, str], argv: Sequence[str], here: Path | None = None) -> dict[str, str]:
    """Return the environment with what a running system adds to it.

    ``argv`` may name its data directory; otherwise it is the nearest one upward of ``here``, the working directory.
    Raises ``ValueError`` when the named directory has no running system.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_data_dir(first)
    named: Path | None = first.parse_known_args(list(argv))[0].data_dir
    if named is None:
        found = _nearest(here or Path.cwd())
        return _merged(env, found) if found is not None else dict(env)
    if not (named / ENV_FILE).is_file():
        raise ValueError(
            f"--data-dir {named} has no file {ENV_FILE!r}, so no system runs there: start it by `make run`"
        )
    return _merged(env, named / ENV_FILE)


def _nearest(here: Path) -> Path | None:
    places = (folder / DATA_DIR / ENV_FILE for folder in (here, *here.parents))
    return next((place for place in places if place.is_file()), None)


def _merged(env: Mapping[str, str], file: Path) -> dict[str, str]:
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name and not _is_set(env, name):
            found[name] = "".join(shlex.split(value))
    return {**found, **env}


def _is_set(env: Mapping[str, str], name: str) -> bool:
    plain = name.removesuffix(_FILE_SUFFIX)
    return any(env.get(one) for one in (plain, plain + _FILE_SUFFIX, _PARTS.get(plain, plain)))
