"""The roles' composition root: settings in, running roles out.

``python -m streams <role> [<role> …]`` runs roles in one process until SIGTERM or Ctrl-C. When it serves it prints one
JSON line on its output, with its roles and the port of its metrics; it ends with a line on standard error that says
why and what to do, and with an exit code of ``streams.process.exit_codes``.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import orjson
import uvloop
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from redis.exceptions import AuthenticationError

from connectors import log_lines
from connectors.aio import uvloop_patch
from connectors.aio.gc_tuning import tune_collector
from connectors.kafka.log import KafkaLog
from connectors.prometheus.network import NetworkCollector
from connectors.redis.client import connect
from schemas.configuration.file import add_option, configured, with_option
from schemas.errors import AccessRefused, Unavailable
from schemas.settings import Settings
from streams.process import http
from streams.process.context import RoleContext
from streams.process.dependencies import Dependencies
from streams.process.exit_codes import Ending, Exit
from streams.process.health import EventLoopWatch, Health
from streams.process.health_metrics import HealthCollector
from streams.process.metrics import RoleCollector, TakeTimes
from streams.process.probes import probes
from streams.process.role import RoleApp
from streams.process.spec import RoleSpec, optional
from streams.roles.registry import ROLES
from streams.roles.worker.poll_handler import Worker
from streams.runtime.table.agent import TableAgent

log = logging.getLogger(__name__)

#: The role that runs user code.
WORKER = "worker"
RETRY_S = 0.5
#: How often a running process looks whether it must end.
LOOK_S = 0.25
#: After the drain: for the group to be left and connections to be closed.
STOP_GRACE_S = 10.0

Apps = Mapping[str, RoleApp]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the roles named; return the exit code, see ``streams.process.exit_codes``."""
    args = _parser().parse_args(argv)
    roles = list(ROLES) if "all" in args.roles else list(dict.fromkeys(args.roles))
    ending = _run(with_option(os.environ, args), roles)
    say_last(ending, roles)
    return ending.exit


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, ROLES))
    about = [f"  {name:{width}}  {spec.summary}; needs {', '.join(spec.needs)}" for name, spec in ROLES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m streams",
        description="Run stream roles in one process.",
        epilog="\n".join(["roles:", *about, f"  {'all':{width}}  all of them"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("roles", nargs="+", choices=[*ROLES, "all"], metavar="role", help="see below")
    add_option(parser)
    return parser


def say_last(ending: Ending, roles: Sequence[str]) -> None:
    """Write the last line."""
    sys.stderr.write(ending.line("python -m streams " + " ".join(roles)) + "\n")
    sys.stderr.flush()


def _run(env: Mapping[str, str], roles: Sequence[str]) -> Ending:
    try:
        env = configured(env)
        settings = Settings.from_env(env)
    except ValueError as exc:
        return Ending(Exit.CONFIG, "; ".join(str(exc).splitlines()))
    log_lines.set_up(settings.logging.level, settings.logging.format)
    uvloop_patch.install()
    tune_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(run(env, settings, roles))
        except BaseException as exc:
            # Signals are handled, so that SystemExit and KeyboardInterrupt come of a callback of user code.
            log.critical("%s crashed", ", ".join(roles), exc_info=exc, extra={"action": "crash"})
            return crashed(", ".join(roles), exc)


async def run(env: Mapping[str, str], settings: Settings, roles: Sequence[str]) -> Ending:
    """Run roles until they are told to stop or must end; return why. Tools find their secrets in ``env``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(NetworkCollector())
    async with AsyncExitStack() as stack:
        ctx = RoleContext(
            settings=settings,
            env=env,
            log=KafkaLog(settings.kafka.bootstrap, client_id="agentflow-" + "-".join(roles)),
            redis=connect(settings.redis.url.get_secret_value()),
            registry=registry,
            takes=TakeTimes(registry),
            stack=stack,
        )
        ctx.on_close(ctx.redis.aclose)
        ctx.on_close(ctx.log.stop)
        return await Process(ctx, [ROLES[role] for role in roles], stop).serve()


class Process:
    """The roles of one process, from the first word with the broker to the last of the group."""

    def __init__(self, ctx: RoleContext, specs: Sequence[RoleSpec], stop: asyncio.Event) -> None:
        self._ctx = ctx
        self._specs = specs
        self._stop = stop
        self._apps: dict[str, RoleApp] = {}
        self._dependencies = Dependencies(probes(ctx, specs), optional=optional(specs))
        self._health = Health(self._roles(), self._dependencies, stall_s=ctx.settings.process.ready_stall_s)
        ctx.registry.register(RoleCollector(self._apps.items))
        ctx.registry.register(HealthCollector(self._health))

    async def serve(self) -> Ending:
        """Serve; return why it ended."""
        settings = self._ctx.settings
        # Only a worker runs user code in its loop. Another role that is stuck may be in a long restore.
        is_worker = any(spec.name == WORKER for spec in self._specs)
        watch = EventLoopWatch(self._health, on_stuck=self._end_stuck if is_worker else None)
        try:
            port, stop_serving = http.serve(
                self._ctx.registry, self._health, settings.api.host, settings.process.metrics_port
            )
        except OSError as exc:
            return Ending(
                Exit.CONFIG, f"cannot listen on {settings.api.host}:{settings.process.metrics_port}: {exc.strerror}"
            )
        self._dependencies.start()
        beat = asyncio.create_task(self._health.beat(), name="beat")
        watch.start()
        try:
            return await self._start(port) or await self._until_ended()
        finally:
            self._health.serving = False
            await self._stop_apps()
            beat.cancel()
            await self._dependencies.stop()
            watch.end()
            stop_serving()

    async def _start(self, port: int) -> Ending | None:
        """Start the apps; answers an ending when that cannot be done in time, or need not be any more."""
        deadline = time.monotonic() + self._ctx.settings.process.start_timeout_s
        try:
            if (ending := await self._within(deadline, self._connected())) is not None:
                return ending
        except AccessRefused as exc:
            return Ending(Exit.CONFIG, str(exc))
        try:
            self._apps |= {spec.name: spec.build(self._ctx) for spec in self._specs}
        except ValueError as exc:
            return Ending(Exit.CONFIG, str(exc))
        self._health.apps = self._apps
        starting = asyncio.gather(*(app.start() for app in self._apps.values()))
        try:
            if (ending := await self._within(deadline, _all(starting))) is not None:
                return ending
        except KafkaConnectionError as exc:
            # It answered a moment ago. To go on would need new apps, and a new process is the surest way to them.
            bootstrap = self._ctx.settings.kafka.bootstrap
            return Ending(Exit.NO_BROKER, f"the broker at {bootstrap} went away while the roles started: {exc}")
        self._health.serving = True
        _say_ready({"ready": True, "roles": list(self._apps), "metrics_port": port})
        log.info("%s serve; metrics on port %d", ", ".join(self._apps), port, extra={"action": "serve"})
        return None

    async def _within(self, deadline: float, doing: Coroutine[Any, Any, None]) -> Ending | None:
        """Do it until the deadline, unless told to stop first."""
        settings = self._ctx.settings
        task, stopped = asyncio.create_task(doing), asyncio.create_task(self._stop.wait())
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait({task, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return None
            if stopped.done():
                return Ending(Exit.STOPPED, "stopped as asked, before it served")
            what = f"no broker at {settings.kafka.bootstrap} within {settings.process.start_timeout_s:g} s"
            return Ending(Exit.NO_BROKER, what)
        finally:
            for one in (task, stopped):
                one.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)

    def _roles(self) -> list[str]:
        return [spec.name for spec in self._specs]

    async def _connected(self) -> None:
        """Wait for the broker."""
        said = False
        while True:
            try:
                await self._ctx.log.start()
                return
            except AccessRefused:
                raise
            except Unavailable as exc:
                if not said:
                    log.warning("waiting for the broker: %s", exc, extra={"action": "wait"})
                    said = True
            await asyncio.sleep(RETRY_S)

    async def _until_ended(self) -> Ending:
        while not self._stop.is_set():
            if (ending := self._must_end()) is not None:
                return ending
            try:
                await asyncio.wait_for(self._stop.wait(), LOOK_S)
            except TimeoutError:
                continue
        return Ending(Exit.STOPPED, "stopped as asked")

    def _end_stuck(self, still_s: float) -> None:
        """End the process from another thread: its loop cannot. What is unfinished is read again."""
        ending = Ending(Exit.LOOP_STUCK, f"a call has blocked the event loop for {still_s:.0f} s")
        say_last(ending, self._roles())
        logging.shutdown()
        os._exit(ending.exit)

    def _must_end(self) -> Ending | None:
        for role, app in self._apps.items():
            if (fault := _fault(app)) is not None:
                log.critical("%s crashed: %r", role, fault, extra={"action": "crash"})
                return crashed(role, fault)
            if isinstance(app.handler, Worker) and (why := app.handler.spent()):
                log.critical("%s is replaced: %s", role, why, extra={"action": "replaced"})
                return Ending(Exit.OUT_OF_THREADS, f"{role}: {why}")
        if why := self._health.hopeless():
            return Ending(Exit.BROKEN, why)
        patience = self._ctx.settings.process.give_up_s
        for state in self._dependencies.waiting():
            if 0 < patience <= state.seconds(time.monotonic()):
                return Ending(Exit.DEPENDENCY_LOST, f"{state.name} did not answer for {patience:g} s: {state.why}")
        return None

    async def _stop_apps(self) -> None:
        """Stop the apps; a broker that is gone must not keep the process, so after a while it just ends."""
        patience = self._ctx.settings.worker.drain_s + STOP_GRACE_S
        stopping = asyncio.gather(*(app.stop() for app in self._apps.values()), return_exceptions=True)
        try:
            await asyncio.wait_for(stopping, patience)
        except TimeoutError:
            log.critical("not stopped after %.0f s; ending anyway", patience, extra={"action": "stop_forced"})
            logging.shutdown()
            say_last(Ending(Exit.NOT_IN_TIME, f"not stopped within {patience:g} s"), self._roles())
            os._exit(Exit.NOT_IN_TIME)


def crashed(role: str, fault: BaseException) -> Ending:
    """Return how a process ends for what a role could not handle."""
    if isinstance(fault, AuthenticationError):
        return Ending(Exit.CONFIG, f"redis refuses user or password of REDIS_URL: {fault}")
    return Ending(Exit.CRASHED, f"{role} crashed: {type(fault).__name__}: {fault}")


def _fault(app: RoleApp) -> BaseException | None:
    handler = app.handler
    if app.crashed:
        return app.crash_reason or RuntimeError("the app crashed and said no reason")
    return handler.fault if isinstance(handler, (TableAgent, Worker)) else None


async def _all(starting: "asyncio.Future[list[Any]]") -> None:
    await starting


def _say_ready(what: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()
