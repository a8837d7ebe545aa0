"""``python -m deploy.audit``: hashes of the locks, known vulnerabilities, licenses. No network is needed.

    --database FOLDER   a checkout of https://github.com/pypa/advisory-database in place of the committed copy
    --update            write the committed copy from that checkout
    --write-licenses    write docs/reference/licenses.md

Exit codes: 0 nothing is wrong, 1 something is, 2 usage. A copy that is older than 30 days is said, not refused: an
audit must be possible where nothing can be fetched.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.audit import report
from deploy.audit.advisories import AdvisoryError, Database, read_checkout, read_file, write_file
from deploy.audit.ignored import IGNORED
from deploy.audit.licenses import license_of, refused
from deploy.audit.locks import Locked, lock_files, locked
from deploy.images.sbom import LockError

OLD_DAYS = 30


def main(arguments: Sequence[str] | None = None, now: datetime | None = None) -> int:
    """Audit; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.audit", description="Audit the supply chain.")
    parser.add_argument("--database", type=Path, help="a checkout of PyPA's advisory database")
    parser.add_argument("--update", action="store_true", help="write the committed copy from --database")
    parser.add_argument("--write-licenses", action="store_true", help=f"write {report.PAGE.name}")
    args = parser.parse_args(arguments)
    if args.update and args.database is None:
        parser.error("--update needs --database")
    try:
        packages = locked()
        database = _database(args.database, packages, update=args.update)
    except (LockError, AdvisoryError, OSError) as exc:
        print(f"audit: {exc}", file=sys.stderr)
        return 1
    if args.write_licenses:
        report.PAGE.write_text(report.page(packages), encoding="utf-8")
    print(f"{len(packages)} packages in {len(lock_files())} lock files, each with hashes")
    wrong = [*vulnerable(database, packages), *not_allowed(packages)]
    print("\n".join([*age(database, now or datetime.now(UTC)), *wrong]))
    if report.PAGE.read_text(encoding="utf-8") != report.page(packages):
        wrong.append("stale")
        print(f"{report.PAGE.name} is not what the locks say: python -m deploy.audit --write-licenses")
    print("nothing is wrong" if not wrong else f"{len(wrong)} findings")
    return 1 if wrong else 0


def vulnerable(database: Database, packages: Sequence[Locked]) -> list[str]:
    """Return a line for each known vulnerability of a package that is not ignored with a reason."""
    return [
        f"{one.name} {one.version}: {known.id} ({', '.join(known.aliases) or 'no other name'}), "
        f"fixed in {', '.join(known.fixed) or 'no version'}; in {', '.join(one.locks)}"
        for one in packages
        for known in database.of(one)
        if known.id not in IGNORED
    ]


def not_allowed(packages: Sequence[Locked]) -> list[str]:
    """Return a line for each package whose license is not accepted."""
    names = sorted({one.name for one in packages if not one.is_apart})
    return [f"{name}: {why}" for name in names if (why := refused(name, license_of(name)))]


def age(database: Database, now: datetime) -> list[str]:
    """Return how old the advisories are."""
    days, known = database.age_days(now), sum(map(len, database.advisories.values()))
    said = [f"advisories of {database.at:%Y-%m-%d}, {days} days old: {known} for {len(database.advisories)} packages"]
    if days > OLD_DAYS:
        said.append("CAREFUL: they are old; what was found since is not known: --database FOLDER --update")
    return said


def _database(folder: Path | None, packages: Sequence[Locked], *, update: bool) -> Database:
    if folder is None:
        return read_file()
    found = read_checkout(folder, _date_of(folder), {one.name for one in packages})
    if update:
        write_file(found)
    return found


def _date_of(folder: Path) -> datetime | None:
    """Return the time of a checkout's newest commit; ``None`` for a folder that is no checkout of git."""
    command = ["git", "-C", str(folder), "log", "-1", "--format=%cI"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.strip() if done.returncode == 0 and (folder / ".git").exists() else ""
    return datetime.fromisoformat(found) if found else None


if __name__ == "__main__":
    sys.exit(main())
