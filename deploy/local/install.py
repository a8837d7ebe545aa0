"""Create a virtual environment and install a hashed lock into it, with regular progress. Standard library only.

python3 deploy/local/install.py --venv .venv requirements-local.lock

Safe to repeat: installed packages stay. pip installs uv (pinned, hashed), uv installs the rest, several times faster;
where uv cannot work (it does not read pip's configuration of mirrors, say), pip does it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HEARTBEAT_S = 2.0
POLL_S = 0.1
TAIL_LINES = 25
NEEDS = (3, 11)
ROOT = Path(__file__).resolve().parents[2]


def say(message: str) -> None:
    """Print and flush, also into a pipe."""
    print(message, flush=True)


def run(what: str, argv: list[str]) -> bool:
    """Run a command with its output captured and a line every two seconds; show the end of it on failure."""
    started = said = time.monotonic()
    say(f"{what} ...")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        while process.poll() is None:
            if time.monotonic() - said >= HEARTBEAT_S:
                said = time.monotonic()
                say(f"{what} ... {said - started:.0f} s")
            time.sleep(POLL_S)
        if process.returncode == 0:
            say(f"{what}: done in {time.monotonic() - started:.1f} s")
            return True
        output.seek(0)
        tail = output.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    say("\n".join([f"{what}: failed with exit code {process.returncode}", *(f"  {line}" for line in tail)]))
    return False


def ensure_venv(folder: Path) -> Path:
    """The environment's python; the environment is created if it is missing or broken."""
    python = folder / "bin" / "python"
    if works(python):
        return python
    say(f"creating {folder} with Python {sys.version.split()[0]} ...")
    try:
        venv.create(folder, with_pip=False, symlinks=True, clear=folder.exists())
        done = run("installing pip into it", [str(python), "-m", "ensurepip", "--upgrade", "--default-pip"])
    except OSError as error:
        sys.exit(f"cannot create {folder}: {error}")
    if not done:
        sys.exit(
            "this Python has no ensurepip: install its venv package (Debian: apt install python3-venv), then again"
        )
    return python


def works(python: Path) -> bool:
    """True if an environment exists and can install."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def install(python: Path, lock: Path) -> bool:
    """Install a lock with its hashes enforced: uv first, pip where uv fails."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r"]
    uv = [
        str(python),
        "-m",
        "uv",
        "pip",
        "install",
        "--python",
        str(python),
        "--require-hashes",
        # Else the first start of every process compiles thousands of modules, which takes longer than this.
        "--compile-bytecode",
        "-r",
        str(lock),
    ]
    installer = str(ROOT / "requirements-install.lock")
    if run("installing the installer", [*pip, installer]) and run(f"installing {lock.name} with uv", uv):
        return True
    say("uv failed; trying pip, which takes longer")
    return run(f"installing {lock.name} with pip", [*pip, str(lock)])


def link_sdk(python: Path) -> bool:
    """Let the environment import the SDK of this checkout, so that files of tools work in it as in a worker."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return False
    (Path(found.stdout.strip()) / "agentflow-sdk.pth").write_text(f"{ROOT / 'sdk'}\n", encoding="utf-8")
    return True


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Install a hashed lock into a virtual environment.")
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("lock", type=Path)
    arguments = parser.parse_args()
    if sys.version_info < NEEDS:
        sys.exit(f"Python {NEEDS[0]}.{NEEDS[1]} or newer is needed; this is {sys.version.split()[0]}")
    os.environ.pop("PYTHONHOME", None)
    python = ensure_venv(arguments.venv.absolute())
    if not install(python, arguments.lock.absolute()) or not link_sdk(python):
        sys.exit(
            "the installation failed: check the network (or the mirror that pip is configured for), then run it again"
        )


if __name__ == "__main__":
    main()
