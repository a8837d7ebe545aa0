"""Record and replay golden histories.

python -m tests.histories replay                 replay all of them; exit code 1 when the fold makes something else
python -m tests.histories record NAME …          play (or build) scenarios, all without a name, on a system of its own
python -m tests.histories record --bootstrap HOST:PORT --run ID NAME    record a run of a broker that is there
python -m tests.histories accept NAME …          write down what the fold makes of a history now; look at the diff
"""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.histories.built import BUILT
from tests.histories.history import FOLDER, differences, read, write
from tests.histories.recording import records_of
from tests.histories.scenarios import SCENARIOS, play


def main() -> int:
    """Do what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description="Record and replay histories.")
    parser.add_argument("verb", choices=("replay", "record", "accept"))
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--bootstrap", help="a broker that is there, as host:port")
    parser.add_argument("--run", action="append", default=[], help="the id of a run on it; may be given again")
    parser.add_argument("--chain-steps", action="store_true", help="the orchestrator had CHAIN_STEPS on")
    args = parser.parse_args()
    if args.verb == "replay":
        return _replay([FOLDER / f"{name}.jsonl" for name in args.names] or sorted(FOLDER.glob("*.jsonl")))
    if args.verb == "accept":
        for name in args.names:
            path = FOLDER / f"{name}.jsonl"
            history = read(path)
            write(path, history.chain_steps, history.records)
        return 0
    if args.bootstrap:
        records = asyncio.run(records_of(args.bootstrap, args.run))
        write(FOLDER / f"{args.names[0]}.jsonl", args.chain_steps, records)
        return 0
    play(args.names or [*SCENARIOS, *BUILT])
    return 0


def _replay(paths: list[Path]) -> int:
    wrong = 0
    for path in paths:
        found = differences(read(path))
        print(f"{path.stem}: {'as recorded' if not found else 'something else'}")
        for line in found:
            print(f"  {line}")
        wrong += bool(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
