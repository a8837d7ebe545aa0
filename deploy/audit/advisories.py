"""Known vulnerabilities, from PyPA's advisory database (https://github.com/pypa/advisory-database, CC-BY 4.0).

``advisories.json`` beside this holds what that database says of our packages: ids, and ranges of versions. A checkout
of the database replaces it. The form is OSV's: a range of events, each of which begins (``introduced``) or ends
(``fixed``, ``last_affected``) what is affected.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml

from deploy.audit.locks import Locked
from deploy.audit.versions import Version

FILE = Path(__file__).with_name("advisories.json")
FOLDER = "vulns"


class AdvisoryError(ValueError):
    """A database that cannot be read; the message has the remedy."""


@dataclass(frozen=True)
class Advisory:
    """One advisory for one package. ``ranges`` are lists of events, ``versions`` are affected by name."""

    id: str
    aliases: tuple[str, ...]
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    versions: frozenset[str] = frozenset()
    modified: str = field(default="", compare=False)

    def affects(self, version: str) -> bool:
        """Return whether it affects a version."""
        return version in self.versions or any(_within(events, Version(version)) for events in self.ranges)

    @property
    def fixed(self) -> list[str]:
        """The versions that fix it."""
        return [at for events in self.ranges for kind, at in events if kind == "fixed"]


@dataclass(frozen=True)
class Database:
    """Advisories by the normal name of a package, as of a day."""

    at: datetime
    advisories: Mapping[str, Sequence[Advisory]]

    def age_days(self, now: datetime) -> int:
        """Return how old it is."""
        return max(0, (now - self.at).days)

    def of(self, one: Locked) -> list[Advisory]:
        """Return what is known against a package in its version."""
        return [known for known in self.advisories.get(one.name, ()) if known.affects(one.version)]


def _within(events: Sequence[tuple[str, str]], version: Version) -> bool:
    """Return whether a version is in the range of these events, which are in the order of versions."""
    inside = False
    for kind, at in events:
        if kind == "introduced" and (at == "0" or Version(at) <= version):
            inside = True
        elif (kind == "fixed" and Version(at) <= version) or (kind == "last_affected" and Version(at) < version):
            inside = False
    return inside


def read_file(path: Path = FILE) -> Database:
    """Return the committed copy. Raises ``AdvisoryError``."""
    try:
        held = orjson.loads(path.read_bytes())
        found = {name: [_kept(one) for one in known] for name, known in held["advisories"].items()}
        return Database(datetime.fromisoformat(held["at"]), found)
    except (OSError, orjson.JSONDecodeError, KeyError, ValueError) as exc:
        raise AdvisoryError(f"{path.name} cannot be read ({exc}): restore it from git, or make it by --update") from exc


def _kept(one: Mapping[str, Any]) -> Advisory:
    ranges = tuple(tuple((kind, at) for kind, at in events) for events in one["ranges"])
    return Advisory(one["id"], tuple(one["aliases"]), ranges, frozenset(one["versions"]))


def write_file(database: Database, path: Path = FILE) -> None:
    """Write the copy: the same database gives the same bytes."""
    held = {
        "source": "PyPA advisory database, https://github.com/pypa/advisory-database, CC-BY 4.0; ids and ranges only",
        "at": database.at.astimezone(UTC).isoformat(timespec="seconds"),
        "advisories": {
            name: [
                {"id": one.id, "aliases": one.aliases, "ranges": one.ranges, "versions": sorted(one.versions)}
                for one in known
            ]
            for name, known in sorted(database.advisories.items())
        },
    }
    # A line for each advisory, so that changes can be read.
    path.write_bytes(orjson.dumps(held).replace(b'{"id"', b'\n{"id"') + b"\n")


def read_checkout(folder: Path, at: datetime | None, names: Iterable[str]) -> Database:
    """Return what a checkout of the database says of these packages, as of a time. Raises ``AdvisoryError``.

    Without a time it is as of the newest change of an advisory that is read: it may be newer, never older.
    """
    if not (folder / FOLDER).is_dir():
        raise AdvisoryError(f"{folder} is no checkout of the advisory database: it has no folder {FOLDER}")
    found = {}
    for name in sorted(set(names)):
        known = sorted(_of_package(folder / FOLDER / name, name), key=lambda one: one.id)
        if known:
            found[name] = known
    newest = max((one.modified for known in found.values() for one in known), default="1970-01-01T00:00:00+00:00")
    return Database(at or datetime.fromisoformat(newest), found)


def _of_package(folder: Path, name: str) -> Iterator[Advisory]:
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if document.get("withdrawn"):
            continue
        for affected in document.get("affected", ()):
            if affected["package"]["name"].lower().replace("_", "-").replace(".", "-") == name:
                yield _advisory(document, affected)


def _advisory(document: Mapping[str, Any], affected: Mapping[str, Any]) -> Advisory:
    ranges = tuple(
        tuple((kind, str(at)) for event in one["events"] for kind, at in event.items())
        for one in affected.get("ranges", ())
        if one["type"] == "ECOSYSTEM"
    )
    # Versions by name repeat what the ranges say; without ranges they are all there is.
    versions = frozenset() if ranges else frozenset(map(str, affected.get("versions", ())))
    modified = document.get("modified", "1970-01-01T00:00:00+00:00")
    # YAML reads a time as one, without its zone, which is UTC.
    at = modified.replace(tzinfo=UTC).isoformat() if isinstance(modified, datetime) else str(modified)
    return Advisory(document["id"], tuple(document.get("aliases", ())), ranges, versions, at)
