"""Makes users and access rules of Kafka what they should be; what a user may do besides is taken away."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from connectors.kafka import access_requests as wire
from deploy.privileges.kafka_rules import Foreign, Rule, rules_of
from deploy.privileges.users import User
from schemas.errors import AccessRefused, Unavailable
from topics import clients
from topics.refusals import refusal

TIMEOUT_MS = 20_000
_REFUSED = ("SecurityDisabledError", "ClusterAuthorizationFailedError")


async def apply(bootstrap: str, users: Sequence[User], passwords: Mapping[str, str], foreign: Foreign) -> str:
    """Set passwords and rules of users; return in words what was changed.

    Raises ``Unavailable``, and ``AccessRefused`` for brokers without an authorizer and users who may not do this.
    """
    client = clients.admin(bootstrap, TIMEOUT_MS)
    try:
        await client.start()
        if passwords:
            answer = await _ask(client, wire.SetPasswords([(user.name, passwords[user.name]) for user in users]))
            _expect((code, message) for _, code, message, _ in answer.results)
        made = gone = 0
        for user in users:
            new, old = await _set_rules(client, user, foreign)
            made, gone = made + new, gone + old
    except (KafkaError, OSError, TimeoutError) as exc:
        if why := await refusal(bootstrap):
            raise AccessRefused("kafka", why) from exc
        raise Unavailable("kafka", f"no broker answers at {bootstrap}") from exc
    finally:
        await client.close()
    return f"{len(users)} users, {made} rules created, {gone} deleted"


async def _set_rules(client: AIOKafkaAdminClient, user: User, foreign: Foreign) -> tuple[int, int]:
    principal = f"User:{user.name}"
    wanted = {_acl(rule, principal) for rule in rules_of(user, foreign)}
    answer = await _ask(client, wire.ListRules(principal))
    _expect([(answer.error_code, answer.error_message)])
    there = {(kind, name, pattern, *rest) for kind, name, pattern, acls in answer.resources for rest in acls}
    if new := sorted(wanted - there):
        answer = await _ask(client, wire.CreateRules(new))
        _expect(answer.creation_responses)
    if old := sorted(there - wanted):
        answer = await _ask(client, wire.DeleteRules(old))
        _expect(found[:2] for found in answer.filter_responses)
    return len(new), len(old)


def _acl(rule: Rule, principal: str) -> wire.Acl:
    pattern = wire.PREFIXED if rule.prefixed else wire.LITERAL
    kind, operation = wire.RESOURCES[rule.resource], wire.OPERATIONS[rule.operation]
    return kind, rule.name, pattern, principal, wire.EVERY_HOST, operation, wire.ALLOW


async def _ask(client: AIOKafkaAdminClient, request: Any) -> Any:
    return await client._send_request(request)  # noqa: SLF001 - the library has no such requests of its own


def _expect(answers: Any) -> None:
    """Raise for the first answer that is an error."""
    for code, message in answers:
        if code:
            name = for_code(code).__name__
            if name in _REFUSED:
                fix = "give the brokers an authorizer (authorizer.class.name), and this user Alter on the cluster"
                raise AccessRefused("kafka", f"it refuses to change users and rules ({name}); {fix}")
            raise Unavailable("kafka", f"users and rules were not changed: {name}: {message}")
