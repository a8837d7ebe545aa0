"""The command line of ``make run`` and ``make demo``."""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import env_file
from deploy.local.engines.cluster_stack import NO_TLS, RedisKind
from deploy.local.engines.errors import DataDirBusyError, EngineError
from deploy.local.engines.ports import LOOPBACK, is_free
from deploy.local.roles import ROOT
from deploy.local.screen import Screen
from deploy.local.startup import Startup
from deploy.local.supervisor import (
    DRAIN_S,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    SIGNALS,
    Interrupts,
    Supervisor,
)
from deploy.local.system import System
from deploy.local.tools_watch import ToolsWatch

API_PORT = 8080
PORTS_TO_TRY = 100


class UsageError(Exception):
    """A setting that cannot work; the message has the remedy."""


def main(argv: Sequence[str]) -> int:
    """Run the command. Exit codes: 0 as asked, 1 a start failed, 2 usage, a wrong setting, a taken port or directory,
    3 a process died five times within a minute, 130 interrupted before it served.
    """
    args = _parser().parse_args(argv)
    screen = Screen()
    try:
        return _run(args, screen) if args.command == "run" else demo(screen, tls=args.tls)
    except (UsageError, DataDirBusyError) as exc:
        screen.warn(str(exc))
        return EXIT_USAGE
    except EngineError as exc:
        screen.warn(str(exc))
        return EXIT_FAILED


def _run(args: argparse.Namespace, screen: Screen) -> int:
    if args.tls and args.redis != "single":
        raise UsageError(NO_TLS)
    return run(args.data_dir, args.sample, screen, brokers=args.brokers, redis=args.redis, tls=args.tls)


def run(
    data_dir: Path,
    sample: bool | None,
    screen: Screen,
    *,
    brokers: int = 1,
    redis: RedisKind = "single",
    tls: bool = False,
) -> int:
    """Start everything, run the sample if that is due, serve until Ctrl-C; with ``tls`` on encrypted connections."""
    began, interrupts = time.monotonic(), Interrupts()
    port, drain_s = _port(os.environ), _drain_s(os.environ)
    tools = _tools(os.environ)
    env = {"TOOLS": str(tools)} if tools is not None else {}
    system = System(
        data_dir,
        progress=screen.progress,
        warn=screen.warn,
        port=port,
        env=env,
        brokers=brokers,
        redis=redis,
        tls=tls,
    )
    system.stack.open()  # the lock comes before any word
    try:
        _refuse_taken(port)
        system.make_roles()
        supervisor = Supervisor(system, screen, interrupts, drain_s=drain_s)
        if tools is not None:
            ToolsWatch(tools, supervisor).start()
        return supervisor.run(Startup(supervisor, sample, began).run)
    finally:
        env_file.remove(system)
        system.stack.stop()


def demo(screen: Screen, *, tls: bool = False) -> int:
    """Start everything in a temporary directory, run the samples, stop; with ``tls`` on encrypted connections."""
    from rich.console import Console

    from deploy.local.samples.evaluation import run_evaluation
    from deploy.local.samples.privacy import run_privacy
    from deploy.local.samples.rollout import prepare_rollout, run_rollout
    from deploy.local.samples.runs import SampleError, run_sample

    for sign in SIGNALS:
        signal.signal(sign, signal.default_int_handler)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="agentflow-demo-") as folder,
            System(Path(folder), durable=False, progress=screen.say, tls=tls) as system,
        ):
            asyncio.run(prepare_rollout(system.api_url, system.api_key))
            asyncio.run(run_sample(system.api_url, system.api_key))
            asyncio.run(run_evaluation(system.api_url, system.api_key, Console()))
            asyncio.run(run_rollout(system.api_url, system.api_key, Console()))
            asyncio.run(run_privacy(system.api_url, system.api_key, Console()))
    except SampleError as exc:
        screen.warn(f"the sample did not succeed: {exc}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        screen.warn("interrupted; everything is stopped")
        return EXIT_INTERRUPTED
    screen.say("the demo is over; its data is deleted")
    return EXIT_OK


def _port(env: Mapping[str, str]) -> int:
    text = env.get("API_PORT") or str(API_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise UsageError(f"API_PORT={text!r} is no port; write a number from 1 to 65535, such as {API_PORT}")
    return int(text)


def _tools(env: Mapping[str, str]) -> Path | None:
    """Return the user's file of tools as the roles find it, whatever their working directory is."""
    if not env.get("TOOLS"):
        return None
    path = Path(env["TOOLS"]).absolute()
    if not path.is_file():
        raise UsageError(f"TOOLS={env['TOOLS']!r} is no file; name a Python file, such as TOOLS=./mytools.py")
    return path


def _drain_s(env: Mapping[str, str]) -> float:
    try:
        return float(env.get("WORKER_DRAIN_S") or DRAIN_S)
    except ValueError:
        return DRAIN_S  # the worker itself refuses it, with the fix


def _refuse_taken(port: int) -> None:
    if is_free(port):
        return
    after = range(port + 1, min(port + PORTS_TO_TRY, 65_536))
    other = next((one for one in after if is_free(one)), 0)
    fix = f"choose another one: API_PORT={other} make run" if other else "choose another one by API_PORT"
    raise UsageError(f"port {port} of {LOOPBACK} is taken by another program: stop that one, or {fix}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Run the whole system on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run_ = commands.add_parser("run", help="start everything, run the sample the first time, serve until Ctrl-C")
    run_.add_argument(
        "--data-dir", type=Path, default=ROOT / ".agentflow", help="directory of data that is kept between starts"
    )
    sample = run_.add_mutually_exclusive_group()
    sample.add_argument("--sample", action="store_true", default=None, help="run the sample, although it ran before")
    sample.add_argument("--no-sample", dest="sample", action="store_false", help="serve without the sample")
    run_.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="brokers of Kafka (default 1)")
    kinds = ("single", "sentinel", "cluster")
    run_.add_argument("--redis", choices=kinds, default="single", help="servers of Redis (default single)")
    demo_ = commands.add_parser("demo", help="run the sample in a temporary directory, then stop")
    for command in (run_, demo_):
        command.add_argument(
            "--tls", action="store_true", help="encrypt all connections to the engines, by certificates made here"
        )
    return parser
