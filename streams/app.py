"""The roles' composition root: settings in, running roles out.

``python -m streams <role> [<role> …]`` runs roles in one process until SIGTERM or Ctrl-C. When it serves it prints one
JSON line on its output, with its roles and the port of its metrics.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

import orjson
import uvloop
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from redis.asyncio import Redis

from connectors.kafka import KafkaLog
from connectors.settings import Settings
from schemas.errors import AgentFlowError, Unavailable
from streams import logs
from streams.roles import ROLES, House
from streams.runtime.role_metrics import RoleCollector, serve_metrics
from streams.runtime.transport import PollApp

log = logging.getLogger(__name__)

EXIT_OK, EXIT_CRASHED, EXIT_USAGE = 0, 1, 2
RETRY_S = 0.5
#: After the drain: for the group to be left and connections to be closed.
STOP_GRACE_S = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the roles named. Exit codes: 0 stopped as asked, 1 a role crashed, 2 usage or settings."""
    parser = argparse.ArgumentParser(prog="python -m streams", description="Run stream roles in one process.")
    parser.add_argument("roles", nargs="+", choices=[*ROLES, "all"], metavar="role", help=", ".join([*ROLES, "all"]))
    named = parser.parse_args(argv).roles
    roles = list(ROLES) if "all" in named else list(dict.fromkeys(named))
    logs.set_up(os.environ.get("LOG_LEVEL", "INFO"))
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as exc:
        sys.stderr.write(f"python -m streams: {exc}\n")
        return EXIT_USAGE
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(settings, roles))


async def run(settings: Settings, roles: Sequence[str]) -> int:
    """Run roles until told to stop; return the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    kafka = KafkaLog(settings.kafka_bootstrap, client_id="agentflow-" + "-".join(roles))
    house = House(settings, kafka, Redis.from_url(settings.redis_url), registry)
    try:
        return await _serve(house, roles, stop)
    except AgentFlowError as exc:
        log.critical("%s stops: %s", ", ".join(roles), exc, extra={"action": "stop"})
        return EXIT_CRASHED
    finally:
        await _close(house)


async def _serve(house: House, roles: Sequence[str], stop: asyncio.Event) -> int:
    if not await _connected(house.log, stop):
        return EXIT_OK
    apps = {role: ROLES[role](house) for role in roles}
    house.registry.register(RoleCollector(apps.items))
    port, stop_metrics = serve_metrics(house.registry, house.settings.api_host, house.settings.metrics_port)
    try:
        await asyncio.gather(*(app.start() for app in apps.values()))
        _say_ready({"ready": True, "roles": list(apps), "metrics_port": port})
        log.info("%s serve; metrics on port %d", ", ".join(apps), port, extra={"action": "serve"})
        await _until_stopped(apps, stop)
        crashed = [role for role, app in apps.items() if app.crashed]
        for role in crashed:
            log.critical("%s crashed: %r", role, apps[role].crash_reason, extra={"action": "crash"})
        return EXIT_CRASHED if crashed else EXIT_OK
    finally:
        await _stopped(house, apps)
        stop_metrics()


def _say_ready(what: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()


async def _stopped(house: House, apps: dict[str, PollApp]) -> None:
    """Stop the apps; a broker that is gone must not keep the process, so after a while it just ends."""
    patience = house.settings.worker_drain_s + STOP_GRACE_S
    stopping = asyncio.gather(*(app.stop() for app in apps.values()), return_exceptions=True)
    try:
        await asyncio.wait_for(stopping, patience)
    except TimeoutError:
        log.critical("not stopped after %.0f s; ending anyway", patience, extra={"action": "stop_forced"})
        logging.shutdown()
        os._exit(EXIT_CRASHED)


async def _until_stopped(apps: dict[str, PollApp], stop: asyncio.Event) -> None:
    while not stop.is_set() and not any(app.crashed for app in apps.values()):
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            continue


async def _connected(kafka: KafkaLog, stop: asyncio.Event) -> bool:
    """Wait for the broker; ``False`` when told to stop first."""
    said = False
    while not stop.is_set():
        try:
            await kafka.start()
            return True
        except Unavailable as exc:
            if not said:
                log.warning("waiting for the broker: %s", exc, extra={"action": "wait"})
                said = True
        await asyncio.sleep(RETRY_S)
    return False


async def _close(house: House) -> None:
    for close in reversed(house.closers):
        try:
            await close()
        except Exception as exc:  # noqa: BLE001 - the rest must be closed too
            log.warning("closing: %r", exc, extra={"action": "close"})
    await house.log.stop()
    await house.redis.aclose()
