"""How a worker's executor is made: its tools, its model calls, and what stands around them."""

from pathlib import Path

from connectors.kafka.definitions_consumer import DecisionsFollower
from connectors.postgres.tools.mcp import McpStore
from connectors.postgres.tools.secrets import SecretStore
from connectors.redis.shadow_answers import ShadowAnswers
from connectors.tools import PRODUCERS, REGISTRY
from connectors.tools.environment import environment_of
from services.calls.pipeline import call_stages, compose
from services.observability.replay.divergence import Watches
from services.privacy.redact.standard import redactors_of
from services.privacy.subjects.outcomes import OutcomeSeals
from services.prompts.rollouts.withdrawals import Withdrawals
from services.runs.attempts.answer_guards import AnswerGuards
from services.runs.attempts.private import AttemptPrivacy
from services.runs.attempts.tool_guard import ToolGuard
from services.security.guards.installed import installed_scorers
from services.tools.installed_mcp import installed_servers
from services.tools.mcp import McpServers
from services.tools.secrets import ToolSecrets
from streams.process.context import RoleContext
from streams.roles.worker.executor import Executor, ExecutorPorts, Tooling
from streams.roles.worker.references import ReferencePorts, References
from streams.roles.worker.rollouts import Rollouts
from streams.roles.worker.shadows import MakeCall
from streams.roles.worker.wiring.calls import call_ports
from streams.roles.worker.wiring.parts import Parts


def executor_of(parts: Parts) -> Executor:
    """Return the executor, closed with the process. Raises ``ValueError`` for a wrong setting."""
    ctx, policies, keys = parts.ctx, parts.policies, parts.ctx.subject_keys()
    tooling = _tooling(ctx)
    ports = ExecutorPorts(
        call_model=compose(call_stages(call_ports(parts))),
        objects=parts.objects,
        clock=ctx.clock,
        aborts=parts.aborts,
        rollouts=_rollouts(parts),
        shadow_answers=ShadowAnswers(ctx.pipelined()),
        guard=ToolGuard(policies, parts.say, ctx.clock),
        answer_guards=AnswerGuards(policies, installed_scorers()),
        references=lambda call: _references(parts, call),
        privacy=AttemptPrivacy(policies, redactors_of(ctx.vault(), parts.metrics), ctx.clock),
        seals=None if keys is None else OutcomeSeals(parts.objects, keys, ctx.clock),
        watchers=parts.watchers,
    )
    executor = Executor(parts.worker_id, tooling, ports)
    ctx.on_close(PRODUCERS.close)
    ctx.on_close(executor.close)
    return executor


def _tooling(ctx: RoleContext) -> Tooling:
    tools, world, kms = ctx.settings.tools, environment_of(ctx.settings, ctx.env), ctx.kms()
    servers = McpStore(ctx.database(max_connections=2))
    return Tooling(
        registry=REGISTRY,
        documents_dir=Path(tools.documents_dir),
        world=world,
        secrets=None if kms is None else ToolSecrets(SecretStore(ctx.database(), kms)),
        mcp=McpServers(servers, world.http, installed_servers(tools.mcp_servers_file)),
    )


def _rollouts(parts: Parts) -> Rollouts:
    ctx, decided = parts.ctx, Withdrawals()
    follower = DecisionsFollower(ctx.settings.kafka.bootstrap, decided.apply, decided.mark_loaded)
    follower.start()
    ctx.on_close(follower.stop)
    return Rollouts(decided, parts.say, ctx.clock)


def _references(parts: Parts, call: MakeCall) -> References:
    ports = ReferencePorts(call=call, say=parts.say, clock=parts.ctx.clock, count=parts.metrics.reference)
    return References(Watches.load(parts.ctx.settings.references.file), ports)
