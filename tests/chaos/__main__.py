"""``python -m tests.chaos --minutes M --seed S``: let faults strike a loaded system, then check every promise."""

import argparse
import gzip
import logging
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local.engines.errors import EngineError
from tests.chaos.evidence import encode
from tests.chaos.plan import draw
from tests.chaos.session import Options, Session
from tests.chaos.stack import TARGETS
from tests.chaos.verdict import Verdict

#: A shorter time has no room for faults.
LEAST_S = 18.0
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


def say(message: str) -> None:
    """Print a line at once, also into a pipe."""
    print(message, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Play one seed. Exit codes: 0 every promise held, 1 one did not or nothing could be started, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Faults under load, then the checker.")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="how long (default 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="0 takes a random one (default)")
    parser.add_argument("--in-flight", type=int, default=300, metavar="N", help="runs at any time (default 300)")
    parser.add_argument("--runs", type=int, metavar="N", help="begin no more than so many runs")
    parser.add_argument("--keep", action="store_true", help="keep data and logs even when every promise held")
    parser.add_argument(
        "--settle", type=float, default=180.0, metavar="S", help="wait so long for the end (default 180)"
    )
    parser.add_argument("--evidence", type=Path, metavar="FILE", help="write what was judged, as gzipped JSON")
    parser.add_argument("--tls", action="store_true", help="encrypt every connection to the engines")
    parser.add_argument("--plan", action="store_true", help="only print the faults of the seed")
    asked = parser.parse_args(argv)
    seed = asked.seed or random.SystemRandom().randrange(1, 10**9)
    options = Options(seed, asked.minutes, asked.in_flight, asked.settle, asked.runs, asked.tls)
    if options.faults_s < LEAST_S:
        parser.error("--minutes must be at least 0.5")
    if asked.plan:
        for fault in draw(seed, options.faults_s, TARGETS):
            say(f"{fault.at_s:7.1f} s  {fault}")
        return EXIT_OK
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is meant to be away
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)  # all of them end the command as Ctrl-C does
    return _play(options, keep=asked.keep, evidence=asked.evidence)


def _play(options: Options, *, keep: bool, evidence: Path | None) -> int:
    data_dir = Path(tempfile.mkdtemp(prefix=f"agentflow-chaos-{options.seed}-"))
    say(f"chaos: seed {options.seed}, {options.minutes:g} minutes, {options.in_flight} runs in flight, in {data_dir}")
    again = f"make chaos MINUTES={options.minutes:g} SEED={options.seed}{' TLS=1' if options.tls else ''}"
    try:
        verdict = Session(options, data_dir, say).play()
    except KeyboardInterrupt:
        say("interrupted; everything is stopped")
        shutil.rmtree(data_dir, ignore_errors=True)
        return EXIT_INTERRUPTED
    except (EngineError, ExceptionGroup, OSError) as exc:
        say(f"chaos could not be played to its end: {exc!r}\nlogs and data are in {data_dir}; again: {again}")
        raise
    _print(verdict)
    if evidence is not None:
        evidence.write_bytes(gzip.compress(encode(verdict.evidence), mtime=0))
    if verdict.held and not keep:
        shutil.rmtree(data_dir, ignore_errors=True)
        return EXIT_OK
    say("".join(f"  {problem}\n" for problem in verdict.problems) + f"logs and data are in {data_dir}; again: {again}")
    return EXIT_OK if verdict.held else EXIT_FAILED


def _print(verdict: Verdict) -> None:
    say("every promise held" if verdict.held else "A PROMISE WAS BROKEN")
    say(verdict.as_table())
    say(verdict.as_json())


if __name__ == "__main__":
    sys.exit(main())
