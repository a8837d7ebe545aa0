"""``python -m deploy.doctor``: find what is wrong in the engines of a site, and say what to do about each.

It needs the site's settings, as a role has them, and changes nothing. ``agentctl doctor --cluster`` runs it.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence

from deploy.doctor.checks import CHECKS, found, page_of
from deploy.doctor.facts import Finding
from deploy.doctor.gather import PAUSE_S, gather
from schemas.configuration.running_system import add_data_dir, environment
from schemas.settings import Settings

EXIT_OK, EXIT_PROBLEMS, EXIT_USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 no problems, 1 problems, 2 wrong settings."""
    argv = sys.argv[1:] if argv is None else argv
    asked = _parser().parse_args(argv)
    # An engine that is away is said once, as a problem.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        settings = Settings.from_env(environment(os.environ, argv))
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return EXIT_USAGE
    facts = asyncio.run(gather(settings, pause_s=asked.seconds, lag_limit=asked.lag))
    problems = [one for one in found(facts) if one.check not in asked.allow]
    _say(problems, asked.json)
    return EXIT_PROBLEMS if problems else EXIT_OK


def _say(problems: Sequence[Finding], as_json: bool) -> None:
    print(f"{len(CHECKS)} checks of the engines: {len(problems) or 'no'} problems", file=sys.stderr)
    if as_json:
        rows = [{"check": o.check, "problem": o.problem, "fix": o.fix, "page": page_of(o.check)} for o in problems]
        print(json.dumps({"problems": rows}, indent=2))
        return
    for one in problems:
        print(f"{one.check}: {one.problem}\n  {one.fix}\n  {page_of(one.check)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.doctor", description=(__doc__ or "").partition("\n")[0])
    add_data_dir(parser)
    names = [check.name for check in CHECKS]
    parser.add_argument("--allow", action="append", default=[], choices=names, help="a check to leave out; repeatable")
    parser.add_argument("--lag", type=int, default=10_000, help="records before a role that are a problem")
    parser.add_argument("--seconds", type=float, default=PAUSE_S, help="between the two looks at positions")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
