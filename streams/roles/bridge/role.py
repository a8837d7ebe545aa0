"""The bridge role: other systems submit and listen over NATS JetStream.

Each direction is off unless its setting is on; a role with both off does nothing. Kafka stays the log: a message is
acknowledged after the broker has its record, and an offset moves after the stream has its messages.
"""

from connectors.nats.jetstream import JetStream
from connectors.prometheus.families import counter
from schemas.metrics import BRIDGE_MESSAGES_TOTAL
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.several import SeveralApps
from streams.process.spec import Dependency, RoleSpec
from streams.roles.bridge.events import EventsOut, event_message
from streams.roles.bridge.submissions import SubmissionsIn
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay
from topics.catalogue import SUBMISSIONS, WORKFLOW_EVENTS

DELAY_MS = 50.0, 250.0


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app. Raises ``ValueError`` when a direction is on and there is no NATS."""
    settings = ctx.settings.bridge
    if not settings.submissions and not settings.events:
        return SeveralApps({})
    url = ctx.settings.nats.url.get_secret_value()
    if not url:
        raise ValueError("BRIDGE_SUBMISSIONS and BRIDGE_EVENTS need NATS_URL, a server with JetStream")
    messages = counter(BRIDGE_MESSAGES_TOTAL, ctx.registry)

    def count(outcome: str, number: int) -> None:
        messages.labels(outcome).inc(number)

    jetstream = JetStream(url, f"agentflow-{SPEC.name}")
    ctx.on_close(jetstream.close)
    if settings.submissions:
        submissions = SubmissionsIn(
            jetstream, ctx.appender(), ctx.log, ctx.clock, count, settings.replicas, ctx.sealed_events()
        )
        submissions.start()
        ctx.on_close(submissions.stop)
    if not settings.events:
        return SeveralApps({})
    write = EventsOut(jetstream, count, settings.replicas).write
    spec = SinkSpec(name=SPEC.name, open_record=event_message, write=write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(pattern=rf"^{WORKFLOW_EVENTS}\..+$"))


SPEC = RoleSpec(
    name="bridge",
    summary="takes submissions from NATS JetStream, and gives it events",
    build=build,
    reads=(WORKFLOW_EVENTS,),
    writes=(SUBMISSIONS,),
    needs=(Dependency.KAFKA,),
    uses=(Dependency.NATS, Dependency.VAULT),
)
