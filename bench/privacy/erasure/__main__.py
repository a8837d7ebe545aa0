"""``python -m bench.privacy.erasure STEM PATH ...``: print the traces of a game's stem in files and folders."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.privacy.erasure.planted import Stem
from bench.privacy.erasure.scan import search


def main(argv: Sequence[str] | None = None) -> int:
    """Print the traces of a stem in files and folders; exit code 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m bench.privacy.erasure", description="Search planted strings.")
    parser.add_argument("stem", help="the eight letters that the game's marks begin with")
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders")
    args = parser.parse_args(argv)
    found = search(Stem(args.stem), [(str(path), path) for path in args.paths])
    for trace in sorted(found.traces, key=lambda one: (one.place, one.form, one.number)):
        print(f"{trace.place}: {trace.form}: person {trace.number}")
    print(f"# {found.files} files, {found.read_bytes} bytes, {len(found.unreadable)} of them packed unreadably")
    return 1 if found.traces else 0


if __name__ == "__main__":
    sys.exit(main())
