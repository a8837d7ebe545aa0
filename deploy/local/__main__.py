"""``python -m deploy.local run|demo``: the whole system on this machine.

``run`` keeps its data in ``.agentflow`` and serves until Ctrl-C; ``demo`` does the same in a temporary directory and
stops when the sample has run.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.engines.errors import EngineError
from deploy.local.roles import ROOT
from deploy.local.sample import SampleError, run_sample
from deploy.local.system import ORG, System
from topics.catalogue import submissions_topic

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
WATCH_S = 1.0


def say(message: str) -> None:
    """Print a line and flush it, also into a pipe."""
    print(message, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 success, 1 failure, 130 interrupted before it served."""
    args = _parser().parse_args(argv)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)  # all of them end the command as Ctrl-C does
    try:
        if args.command == "run":
            return run(args.data_dir, sample=not args.no_sample)
        with tempfile.TemporaryDirectory(prefix="agentflow-demo-") as folder:
            return demo(Path(folder))
    except (EngineError, SampleError) as exc:
        say(str(exc))
        return EXIT_FAILED
    except KeyboardInterrupt:
        say("interrupted; everything is stopped")
        return EXIT_INTERRUPTED


def demo(data_dir: Path) -> int:
    """Start everything, run the sample, stop."""
    with System(data_dir, durable=False, progress=say) as system:
        asyncio.run(run_sample(system.api_url, system.api_key))
    say("the demo is over; its data is deleted")
    return EXIT_OK


def run(data_dir: Path, *, sample: bool) -> int:
    """Start everything, run the sample, serve until Ctrl-C."""
    started = time.monotonic()
    with System(data_dir, progress=say) as system:
        say(f"serving on {system.api_url} after {time.monotonic() - started:.1f} s")
        if sample:
            asyncio.run(run_sample(system.api_url, system.api_key))
        say(instructions(system))
        return _serve(system)


def _serve(system: System) -> int:
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(WATCH_S)
            for name, process in system.roles.items():
                if process.pid is None:
                    say(f"{name} ended by itself; its log is {process.log_path}\n{process.log_tail()}")
                    return EXIT_FAILED
    say("stopping")
    return EXIT_OK


def instructions(system: System) -> str:
    """Return the next commands, ready to be pasted."""
    key_file = _shown(system.data_dir / "api-key")
    bootstrap = system.endpoints.kafka_bootstrap
    body = '{"workflow_name": "document_analysis", "inputs": {"document_key": "gettysburg.txt"}}'
    inputs = '{"document_key": "gettysburg.txt"}'
    return f"""
Serving on {system.api_url} (documentation: {system.api_url}/docs). Ctrl-C stops everything; the data stays.

Submit the next run over HTTP:

  curl -s {system.api_url}/api/v1/workflows/runs \\
    -H "Authorization: Bearer $(cat {key_file})" -H 'Content-Type: application/json' \\
    -d '{body}'

or by producing a record to {submissions_topic(ORG)}:

  .venv/bin/python examples/submit_over_kafka.py --bootstrap {bootstrap} --org {ORG} \\
    --workflow document_analysis --inputs '{inputs}'

and read your runs:

  curl -s {system.api_url}/api/v1/workflows/runs -H "Authorization: Bearer $(cat {key_file})"

Logs are in {_shown(system.data_dir / "logs")}.
"""


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Run the whole system on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run_ = commands.add_parser("run", help="start everything, run the sample, serve until Ctrl-C")
    run_.add_argument(
        "--data-dir", type=Path, default=ROOT / ".agentflow", help="directory of data that is kept between starts"
    )
    run_.add_argument("--no-sample", action="store_true", help="serve without running the sample")
    commands.add_parser("demo", help="the same in a temporary directory, then stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
