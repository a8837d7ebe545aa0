"""Put ``agentctl`` of this checkout on the path: a program in the environment, and a link in ``~/.local/bin``.

python3 deploy/local/install_cli.py --venv .venv

The environment's lock has what it needs, so nothing is fetched. Safe to repeat. Standard library only.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "agentctl"
_PROGRAM = """#!{python}
import sys

# Commands that work on files use the server's rules, which are in the checkout.
sys.path[:0] = [{sdk!r}, {root!r}]
from agentflow.cli.main import run

run()
"""


def install(venv: Path, bin_dir: Path, sdk: Path = ROOT / "sdk") -> Path:
    """Write the program and link it; return the link. Raises ``FileExistsError`` for a program that is not ours."""
    program, link = venv.absolute() / "bin" / NAME, bin_dir / NAME
    if (link.exists() or link.is_symlink()) and not _is_ours(link):
        raise FileExistsError(f"{link} is another program; remove it, or set BIN_DIR to another directory")
    program.write_text(
        _PROGRAM.format(python=venv.absolute() / "bin" / "python", sdk=str(sdk), root=str(sdk.parent)), encoding="utf-8"
    )
    program.chmod(0o755)
    bin_dir.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(program)
    return link


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and link.readlink().name == NAME


def advice(bin_dir: Path, env: Mapping[str, str]) -> str:
    """Return how to call it: by its name if its directory is on the path, else how to put it there."""
    if str(bin_dir) in env.get("PATH", "").split(os.pathsep):
        return f"try it: {NAME} --version"
    return (
        f"{bin_dir} is not on your PATH; add it to the file that your shell reads at its start:\n"
        f'  export PATH="{bin_dir}:$PATH"'
    )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=f"Put {NAME} on the path.")
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--bin-dir", type=Path, default=Path.home() / ".local" / "bin")
    args = parser.parse_args()
    try:
        link = install(args.venv, args.bin_dir)
    except OSError as exc:
        sys.stderr.write(f"{NAME} was not installed: {exc}\n")
        return 1
    sys.stdout.write(f"{link} -> {link.readlink()}\n{advice(args.bin_dir, os.environ)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
