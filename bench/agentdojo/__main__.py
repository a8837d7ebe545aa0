"""``python -m bench.agentdojo [--quick] [--simulate | --install]``: AgentDojo's lines alone.

Exit codes as of ``bench.prove``.
"""

import argparse
import logging
import sys
import time

from bench.agentdojo import guarded, plain, simulated
from bench.agentdojo.environment import python_of
from bench.lines import BenchError, Line
from bench.prove.area import area_of, missed, printed

SUMMARY = "attackers in what tools return"
AREA = area_of("agentdojo", SUMMARY, (simulated, plain, guarded), judged_when_quick=True)
SIMULATED = area_of("agentdojo", SUMMARY, (simulated,), judged_when_quick=True)


def main() -> int:
    """Measure and print the lines: exit code 0, 1 when a measurement failed, 3 when a floor is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.agentdojo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few cases of each kind")
    parser.add_argument("--simulate", action="store_true", help="hold the policies against all cases without an engine")
    parser.add_argument("--install", action="store_true", help="only install the package, in .venv-agentdojo")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began = time.monotonic()

    def say(message: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {message}", file=sys.stderr, flush=True)

    try:
        if args.install:
            print(f"AgentDojo is in {python_of()}")
            return 0
        area = SIMULATED if args.simulate else AREA
        lines: list[Line] = list(area.measure(args.quick, say))
    except BenchError as exc:
        print(exc, file=sys.stderr)
        return 1
    aims = {aim.name: aim for aim in AREA.aims}
    for line in lines:
        print(printed(line, aims[line.name], "", judged=True))
    return 3 if missed(AREA, lines) else 0


if __name__ == "__main__":
    sys.exit(main())
