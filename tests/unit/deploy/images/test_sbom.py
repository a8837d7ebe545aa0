"""The bill of materials: every line of the locks, the same bytes each time, and wrong locks are refused."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import orjson
import pytest

from deploy.images.prune import UNREACHED
from deploy.images.sbom import LOCKS, ROOT, LockError, document, main, read_lock

HASH = "0" * 64
LINE = f"aio-http[speedups]==1.2 ; sys_platform == 'linux' \\\n    --hash=sha256:{HASH}"


def locked() -> set[str]:
    lines = [line for name in LOCKS for line in (ROOT / name).read_text().splitlines()]
    names = {line.split("==")[0].lower().split("[")[0] for line in lines if re.match(r"^[A-Za-z0-9]", line)}
    return {name for name in names if re.sub(r"[-_.]+", "-", name) not in UNREACHED}


def test_line_has_name_version_marker_and_hashes() -> None:
    (one,) = read_lock(LINE)
    assert (one.name, one.version, one.marker) == ("aio-http", "1.2", "sys_platform == 'linux'")
    assert (one.hashes, one.purl) == ((HASH,), "pkg:pypi/aio-http@1.2")


@pytest.mark.parametrize("text", ["aiohttp==1.2", "aiohttp>=1.2 --hash=sha256:" + HASH, "git+https://x/y.git"])
def test_line_without_version_or_hash_is_refused(text: str) -> None:
    with pytest.raises(LockError, match="run make lock"):
        read_lock(text)


def test_document_has_every_package_of_the_image_once(capsysbinary) -> None:
    assert main([]) == 0
    found = orjson.loads(capsysbinary.readouterr().out)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    names = [component["name"].lower() for component in found["components"]]
    assert set(names) == locked()
    assert len(names) == len(set(names)) > 80
    refs = {component["bom-ref"] for component in found["components"]}
    assert set(found["dependencies"][0]["dependsOn"]) == refs
    assert uuid.UUID(found["serialNumber"].removeprefix("urn:uuid:"))


def test_same_locks_give_the_same_bytes_and_others_another_number(capsysbinary) -> None:
    outputs = []
    for _ in range(2):
        main([])
        outputs.append(capsysbinary.readouterr().out)
    assert outputs[0] == outputs[1]
    first, second = document(read_lock(LINE)), document(read_lock(LINE.replace("1.2", "1.3")))
    assert first["serialNumber"] != second["serialNumber"]


def test_lock_that_is_not_there_is_said(tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path / "none.lock")]) == 1
    assert "none.lock" in capsys.readouterr().err


def test_locks_are_those_that_the_dockerfile_installs() -> None:
    dockerfile = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
    assert set(re.findall(r"-r (\S+\.lock)", dockerfile)) - {"requirements-install.lock"} == set(LOCKS)
