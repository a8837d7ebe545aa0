"""The report of licenses, ``docs/reference/licenses.md``: generated, committed, and compared by a test."""

from collections.abc import Sequence

from deploy.audit.licenses import EXCEPTIONS, license_of
from deploy.audit.locks import Locked
from deploy.images.sbom import ROOT

PAGE = ROOT / "docs" / "reference" / "licenses.md"
_HEAD = """# Licenses of packages

AgentFlow is under the Apache License 2.0. `make audit` reads what each package of the lock files says of its license
and refuses one that is unknown, or that [`deploy/audit/licenses.py`](../../deploy/audit/licenses.py) does not allow.
This page is written by `python -m deploy.audit --write-licenses`. Programs that tests run in environments of their own
(AgentDojo, Phoenix, a classifier) are not on it; they are in no image.

"""


def page(packages: Sequence[Locked]) -> str:
    """Return the page."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for one in packages:
        if one.is_apart:
            continue
        licenses, uses = found.setdefault(one.name, (set(), set()))
        licenses.add(license_of(one.name))
        uses.add(_use(one))
    rows = [f"| {name} | {', '.join(sorted(said))} | {_widest(uses)} |" for name, (said, uses) in sorted(found.items())]
    table = ["| package | license | used by |", "|---|---|---|", *rows]
    why = [f"- `{name}`: {reason}." for name, reason in sorted(EXCEPTIONS.items())]
    return _HEAD + "\n".join(table) + "\n\n## Exceptions\n\n" + "\n".join(why) + "\n"


def _use(one: Locked) -> str:
    if one.in_images:
        return "images"
    return "options" if one.runs else "tests, the bench, single machines"


def _widest(uses: set[str]) -> str:
    return next(use for use in ("images", "options", "tests, the bench, single machines") if use in uses)
