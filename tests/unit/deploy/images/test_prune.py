"""What is deleted from installed packages, and that nothing which a process loads is among it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.images.prune import NOT_COMPILED, UNREACHED, main, prune

PROCESSES = "import streams.app, api.app, topics.__main__, deploy.migrate, deploy.wait_for_schema, deploy.images.alive"
LOADED = """
import sys
{processes}
import services.privacy.detect.standard as standard
standard.standard_detectors().find("call +49 30 901820 or DE89370400440532013000")
from connectors.images import inspect
for name in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO"):
    import io, PIL.Image
    held = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), (1, 2, 3)).save(held, name)
    inspect.analyzed(held.getvalue())
from connectors.providers.local import model
for name in ("gold", "silver", "bronze"):
    model.answer(f"local-{{name}}", "Analyze: Light bends in a prism. A prism bends blue light most of all.", 200)
print("\\n".join(str(getattr(module, "__file__", "") or "") for module in list(sys.modules.values())))
"""


def made(tmp_path: Path, *names: str) -> Path:
    packages = tmp_path / "python3.11" / "site-packages"
    for name in names:
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    return packages


def test_what_nothing_loads_is_deleted_and_the_rest_stays(tmp_path: Path) -> None:
    gone = ("numpy/linalg/tests/test_a.py", "pycountry/locales/de.mo", "a/b.pyi", "cel_expr_python/ext/x.so")
    packages = made(tmp_path, *gone, "numpy/linalg/core.py", "a/b.py")
    assert prune(tmp_path) == 6 * len(gone)
    left = sorted(str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file())
    assert left == ["a/b.py", "numpy/linalg/core.py"]


def test_rest_is_compiled_without_the_time(tmp_path: Path, capsys) -> None:
    packages = made(tmp_path, "a/b.py", "nltk/c.py")
    assert main([str(tmp_path)]) == 0
    (compiled,) = packages.rglob("*.pyc")
    # PEP 552: flags 1 are a hash that is not checked.
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"
    assert "0 MB" in capsys.readouterr().out


def test_wrong_arguments_are_refused(capsys) -> None:
    assert main(["/nowhere/at/all"]) == 2
    assert "usage" in capsys.readouterr().err


def test_no_process_loads_what_is_deleted() -> None:
    code = LOADED.format(processes=PROCESSES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    loaded = done.stdout.split()
    parts = (
        "/geodata/",
        "/carrierdata/",
        "/tzdata/",
        "phonenumbers/geocoder",
        "cel_expr_python/ext",
        "pycountry/locales",
    )
    assert any("/phonenumbers/" in path for path in loaded)
    assert [path for path in loaded if any(part in path for part in parts)] == []
    assert [path for path in loaded if "/site-packages/" in path and "/tests/" in path] == []


def test_packages_that_nothing_reaches_go_whole(tmp_path: Path) -> None:
    gone = ("lxml/etree.so", "lxml-6.1.3.dist-info/METADATA", "lxml_html_clean/a.py", "setuptools/a.py", "docopt.py")
    packages = made(tmp_path, *gone, "pkg_resources/a.py", "distutils-precedence.pth", "lxmlish/a.py")
    prune(tmp_path)
    assert [path.name for path in packages.iterdir()] == ["lxmlish"]


def test_no_process_loads_a_package_that_is_deleted_whole() -> None:
    code = LOADED.format(processes=PROCESSES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    first = {path.partition("/site-packages/")[2].split("/")[0] for path in done.stdout.split()}
    assert {"sumy", "nltk"} <= first
    assert first & {name.replace("-", "_") for name in UNREACHED} == set()


def test_packages_left_uncompiled_are_those_of_the_model() -> None:
    assert NOT_COMPILED.search("/opt/venv/lib/python3.11/site-packages/nltk/util.py")
    assert not NOT_COMPILED.search("/opt/venv/lib/python3.11/site-packages/aiohttp/client.py")
