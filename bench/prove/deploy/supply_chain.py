"""Lines of the supply chain: what ``make audit`` finds, and wheels for arm64."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from deploy.audit.__main__ import not_allowed, vulnerable
from deploy.audit.advisories import read_file
from deploy.audit.locks import locked
from deploy.audit.wheels import FROM_SOURCE, NoIndex, lines, without_wheel
from deploy.local.engines.progress import Progress

_NONE = at_most(0)

AIMS = (
    Aim("audit_known_vulnerabilities", "advisories", _NONE, _NONE),
    Aim("audit_advisories_age_days", "days"),
    Aim("audit_licenses_refused", "packages", _NONE, _NONE),
    Aim("arm64_lines_without_wheel", "packages", at_most(1), _NONE),
    Aim("arm64_lines_without_reason", "packages", _NONE, _NONE),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Audit; a quick run asks no index."""
    progress("deploy: known vulnerabilities, licenses, wheels for arm64")
    packages, database = locked(), read_file()
    known, refused = vulnerable(database, packages), not_allowed(packages)
    found = [
        line_of(AIMS, "audit_known_vulnerabilities", len(known), "; ".join(known) or f"{len(packages)} packages"),
        line_of(AIMS, "audit_advisories_age_days", database.age_days(datetime.now(UTC)), "of the committed copy"),
        line_of(AIMS, "audit_licenses_refused", len(refused), "; ".join(refused)),
    ]
    return found if quick else found + _wheels(progress)


def _wheels(progress: Progress) -> list[Line]:
    wanted = lines()
    try:
        missing = without_wheel(wanted)
    except NoIndex as exc:
        progress(f"NOT MEASURED: wheels for arm64: no index of packages answers: {exc}")
        return []
    note = f"{', '.join(missing) or 'none'}, of {len(wanted)} lines of the images' locks"
    unknown = [name for name in missing if name not in FROM_SOURCE]
    return [
        line_of(AIMS, "arm64_lines_without_wheel", len(missing), note),
        line_of(AIMS, "arm64_lines_without_reason", len(unknown), ", ".join(unknown) or "each is built from source"),
    ]
