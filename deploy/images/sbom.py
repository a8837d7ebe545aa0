"""``python -m deploy.images.sbom [LOCK …]``: the parts of the image as CycloneDX 1.6, from the lock files.

Each component is a package of a lock with its version and the hashes that its installation is checked against, but
for those that the build takes out again (``UNREACHED`` of ``deploy.images.prune``). The
same locks give the same document, byte for byte: its serial number is made of them, and it has no time.
"""

import re
import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from deploy.images.prune import UNREACHED

ROOT = Path(__file__).resolve().parents[2]
#: What the Dockerfile installs.
LOCKS = ("requirements.lock", "requirements-model.lock")
VERSION = "0.1.0"
_NAMESPACE = uuid.UUID("8f2f3f0e-55c4-4f0a-9f5f-0d6c9b0f7c11")
_LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>\S+?)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class LockError(ValueError):
    """A line of a lock file that is no pinned package with hashes; the message names it."""


@dataclass(frozen=True)
class Pinned:
    """A package of a lock. ``marker`` says on which machines it is installed; empty: on all."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def normal_name(self) -> str:
        """Its name as an index compares names."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.normal_name}@{self.version}"


def read_lock(text: str) -> list[Pinned]:
    """Return the packages of a lock. Raises ``LockError`` for one without a version or without hashes."""
    found = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *rest = block.split("\n")
        if not first or first.startswith(("#", "--")):
            continue
        match = _LINE.match(first)
        hashes = tuple(sorted(_HASH.findall("\n".join(rest))))
        if match is None or not hashes:
            raise LockError(f"{first.split()[0]}: is no name==version with --hash=sha256 lines; run make lock")
        found.append(Pinned(match["name"], match["version"], match["marker"] or "", hashes))
    return found


def document(packages: Iterable[Pinned], version: str = VERSION) -> dict[str, object]:
    """Return the bill of materials of an image with these packages."""
    inside = {one.purl: one for one in packages if one.normal_name not in UNREACHED}
    ordered = sorted(inside.values(), key=lambda one: one.purl)
    components = [_component(one) for one in ordered]
    content = orjson.dumps(components)
    root = f"pkg:generic/agentflow@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, content.decode())}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "agentflow",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": root,
            }
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [one.purl for one in ordered]}],
    }


def _component(one: Pinned) -> dict[str, object]:
    # A package has one file for each platform: which of them an image has depends on its architecture.
    files = [{"name": "agentflow:file:sha256", "value": digest} for digest in one.hashes]
    marker = [{"name": "agentflow:marker", "value": one.marker}] if one.marker else []
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "properties": [*marker, *files],
    }


def main(arguments: Sequence[str]) -> int:
    """Print the document of the locks named, of those of the image when none is."""
    try:
        paths = [Path(name) for name in arguments] or [ROOT / name for name in LOCKS]
        packages = [one for path in paths for one in read_lock(path.read_text(encoding="utf-8"))]
    except (OSError, LockError) as exc:
        sys.stderr.write(f"python -m deploy.images.sbom: {exc}\n")
        return 1
    sys.stdout.buffer.write(orjson.dumps(document(packages), option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
