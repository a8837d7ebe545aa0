"""``python -m bench.prove [--area house,engine] [--quick] [--list]``: acceptance figures, ``name value unit`` each.

What follows ``#`` is the floor, the goal and the verdict, and beside absolute figures how fast the machine was.
Exit codes: 0 every floor holds, 1 a measurement failed, 2 usage, 3 a floor is missed.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Area, listed, missed, printed
from bench.prove.areas import AREAS
from bench.prove.speed import SpeedMeter
from deploy.local.engines.progress import Progress

HELD, FAILED, MISSED = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the areas, print their lines, and judge them."""
    parser = _parser()
    args = parser.parse_args(argv)
    names = [name for name in args.area.split(",") if name] or list(AREAS)
    unknown = [name for name in names if name not in AREAS]
    if unknown:
        parser.error(f"no area is named {', '.join(unknown)}; there are: {', '.join(AREAS)}")
    if args.list:
        print("\n".join(row for name in names for row in listed(AREAS[name])))
        return HELD
    # Clients report what they try again; a topic that was just made has no leader for a moment.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return max(_prove(AREAS[name], quick=args.quick) for name in names)


def _prove(area: Area, *, quick: bool) -> int:
    meter, judged, lines = SpeedMeter(), area.judged_when_quick or not quick, list[Line]()
    print(f"# {area.name}: {area.summary}")
    try:
        for line in area.measure(quick, _progress(time.monotonic())):
            aim = next((aim for aim in area.aims if aim.name == line.name), None)
            print(printed(line, aim, meter.lately(), judged=judged), flush=True)
            lines.append(line)
    except BenchError as exc:
        _summary(area, lines, str(meter.read()), judged=judged)
        print(f"# {area.name}: failed: {exc}")
        return FAILED
    _summary(area, lines, str(meter.read()), judged=judged)
    return MISSED if judged and missed(area, lines) else HELD


def _summary(area: Area, lines: Sequence[Line], machine: str, *, judged: bool) -> None:
    print(f"# {machine}")
    measured = {line.name for line in lines}
    if left_out := sorted(aim.name for aim in area.aims if aim.name not in measured):
        print(f"# not measured: {', '.join(left_out)}")
    if judged and (below := missed(area, lines)):
        print(f"# below the floor: {', '.join(below)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.prove", description="Acceptance figures by area.")
    parser.add_argument("--area", default="", metavar="area,area", help=f"of {', '.join(AREAS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="leave slow lines out, or measure tiny sizes")
    parser.add_argument("--list", action="store_true", help="name areas and lines with floors and goals")
    return parser


def _progress(start: float) -> Progress:
    def say(message: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {message}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    sys.exit(main())
