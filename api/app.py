"""The API's composition root: settings in, a served app out.

A dependency that is down at startup does not block the start: ``/health`` and ``/ready`` answer at once, and each
connection is made when its dependency becomes available.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from api.acts import nameless
from api.clients import ApiLog, Clients
from api.http import openapi, problems
from api.http.body_limit import BodyLimit, LargeBodies
from api.http.connection import Connection
from api.http.head import Head
from api.http.otlp_errors import OtlpErrors
from api.http.text_gate import TextGate
from api.metrics.measures import Measure
from api.routers.list import ROUTERS
from api.routers.system import cells, mcp
from api.services import Services, TopicCreators
from api.startup import lifespan_of
from api.wiring.operations import topic_creators
from api.wiring.services import services_of
from connectors import log_lines
from connectors.aio import uvloop_patch
from connectors.aio.gc_tuning import tune_collector
from connectors.tools import load_entry_points
from schemas.configuration.file import add_option, configured, with_option
from schemas.settings import Settings
from services.runs.known_runs import Progress

logger = logging.getLogger(__name__)

#: uvicorn's own exit code for an app that did not start.
NOT_STARTED = 3
GRACE_S = 10
#: A client must be the first to close an idle connection, or a request that is sent at that moment gets no answer:
#: httpx keeps one for 5 s, load balancers of clouds for 60 s.
KEEP_ALIVE_S = 75

DESCRIPTION = """
Submit workflow runs, read them, and manage workflows, prompts, budgets and schedules.

Send an API key as `Authorization: Bearer <key>`. Errors are problem details (RFC 9457): `type` is stable, `problems`
names every invalid part of a request with its path and how to fix it. Money is exact: decimal strings.
"""
TAGS = [
    {"name": "workflows", "description": "Named, versioned DAGs of nodes."},
    {"name": "runs", "description": "Executions of workflows."},
    {"name": "traces", "description": "Timed spans of runs, with what each cost."},
    {"name": "schedules", "description": "Runs at scheduled times."},
    {"name": "prompts", "description": "Versioned prompt templates."},
    {"name": "queues", "description": "Steps for workers of your own."},
    {"name": "tools", "description": "Tools and functions that workflows may call."},
    {"name": "budgets", "description": "Spending limits, and the amounts spent and held against them."},
    {"name": "batches", "description": "Calls that go to providers in batches."},
    {"name": "cache", "description": "Answers of models that are used again."},
    {"name": "limits", "description": "Limits of concurrently running runs."},
    {"name": "prices", "description": "Prices of models, and price lists of organisations."},
    {
        "name": "bills",
        "description": "Costs by any dimension, exported, and compared with providers' charges.",
    },
    {"name": "providers", "description": "Keys of model providers that organisations bring along."},
    {"name": "vault", "description": "Keys that personal data is sealed with, and their rotation."},
    {"name": "quotas", "description": "How much of providers may be used in a time."},
    {"name": "access", "description": "API keys and organisations."},
    {"name": "subjects", "description": "Persons whose data is sealed under a key of their own, and their erasure."},
    {"name": "audit", "description": "The audit log: entries, signed checkpoints, proofs, legal holds."},
    {"name": "retention", "description": "How long runs are kept, and the holds that keep them longer."},
    {"name": "webhooks", "description": "Addresses that events are sent to, and their deliveries."},
    {"name": "secrets", "description": "Secrets for tools: stored sealed, never read back."},
    {"name": "triggers", "description": "Requests and topics of other systems that submit runs."},
    {"name": "mcp", "description": "MCP servers that workflows call, and their pinned tools."},
    {"name": "operations", "description": "Liveness, readiness and metrics; no key needed."},
]


def create_app(
    settings: Settings,
    *,
    log: ApiLog | None = None,
    topics: TopicCreators | None = None,
    progress: Progress | None = None,
) -> FastAPI:
    """Return the app. ``log``, ``topics`` and ``progress`` stand in for Kafka where a test brings its own.

    Raises ``ValueError`` for a wrong setting.
    """
    load_entry_points()
    clients = Clients.of(settings, log, progress)
    services = services_of(settings, clients, topics or topic_creators(settings))
    app = FastAPI(
        title="AgentFlow",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan_of(settings, clients, services),
    )
    app.state.services = services
    more = [mcp.router] * settings.api.mcp + [cells.router] * bool(services.cells and services.cells.token)
    for router in (*ROUTERS, *more):
        app.include_router(router)
    problems.install(app)
    openapi.install(app, ROUTERS)
    large = LargeBodies(
        services.access.authenticator, settings.objects.max_inputs_bytes, settings.cells.token.get_secret_value()
    )
    app.add_middleware(BodyLimit, large=large)
    app.add_middleware(TextGate)
    app.add_middleware(Head)
    app.add_middleware(OtlpErrors)
    app.add_middleware(Measure, measures=services.operations.measures)
    return app


def _without_names(line: logging.LogRecord) -> bool:
    """Take ids of persons out of a line of the access log, whose third argument is the path."""
    if isinstance(line.args, tuple):
        line.args = tuple(nameless(one) if isinstance(one, str) else one for one in line.args)
    return True


def _leave(*_: object) -> None:
    sys.exit(0)


class _Server(uvicorn.Server):
    """Ends what waits on shutdown: uvicorn waits for open responses, and event streams would stay open."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        self._services.runs.streams.close()
        self._services.leases.steps.close()
        await super().shutdown(sockets)


def _environment(argv: Sequence[str] | None) -> dict[str, str]:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the API.")
    add_option(parser)
    return with_option(os.environ, parser.parse_args(argv))


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight are answered first."""
    # uvicorn raises the signal again after a clean stop, which would end the process as if it had crashed.
    signal.signal(signal.SIGTERM, _leave)
    try:
        settings = Settings.from_env(configured(_environment(argv)))
    except ValueError as exc:
        sys.exit(str(exc))
    _serve(settings)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn serves the app."""
    return uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        loop="uvloop",
        http=Connection,
        access_log=settings.api.access_log,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        log_config=None,
    )


def _serve(settings: Settings) -> None:
    log_lines.set_up(settings.logging.level, settings.logging.format, quiet=("uvicorn.error",))
    if not settings.security.key_pepper.get_secret_value():
        logger.warning("KEY_PEPPER is not set: a stolen table of key hashes would be easier to use")
    uvloop_patch.install()
    tune_collector()
    try:
        app = create_app(settings)
    except ValueError as exc:
        sys.exit(str(exc))
    if settings.api.access_log:
        access = logging.getLogger("uvicorn.access")
        access.setLevel(logging.INFO)
        access.addFilter(_without_names)
    server = _Server(server_config(app, settings), app.state.services)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(NOT_STARTED)
