"""Libraries are cut behind what a loader reads: they load and answer as before."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.images.elf import loaded_bytes, strip


def library(module: str) -> Path:
    """The file of a module that is a shared library."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of other systems have other forms")
@pytest.mark.parametrize("module", ["uvloop.loop", "asyncpg.protocol.protocol", "orjson.orjson"])
def test_cut_library_loads(module: str, tmp_path: Path) -> None:
    source = library(module)
    copy = tmp_path / source.name
    copy.write_bytes(source.read_bytes())
    freed = strip(copy)
    assert freed == source.stat().st_size - copy.stat().st_size > 0
    name = module.rpartition(".")[2]
    load = (
        "import importlib.machinery as m, importlib.util as u;"
        f"l = m.ExtensionFileLoader({module!r}, {str(copy)!r});"
        f"u.module_from_spec(u.spec_from_loader({module!r}, l)); print({name!r})"
    )
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == (name, 0), done.stderr


def test_library_is_cut_once(tmp_path: Path) -> None:
    copy = tmp_path / "loop.so"
    copy.write_bytes(library("uvloop.loop").read_bytes())
    assert strip(copy) > 0
    assert strip(copy) == 0


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_bytes(b"GROUP ( libc.so.6 )")
    assert loaded_bytes(path.read_bytes()) == 19
    assert strip(path) == 0
