"""A whole system whose processes log in as users with least privileges, one user for each process."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

from connectors.redis.client import connect
from deploy.local.engines import Endpoints
from deploy.local.system import System
from deploy.privileges import applying, kafka_apply, passwords, postgres_rules, redis_rules
from deploy.privileges.kafka_rules import Foreign
from deploy.privileges.users import PREFIX, User, each_role
from schemas.configuration.kafka_access import Bootstrap, access_of

#: Separate processes: each role is refused what is not its own.
EACH = {user.roles[0]: user.roles for user in each_role() if user.roles != ("api",)}


async def applied(ends: Endpoints, users: Sequence[User], secret: dict[str, str]) -> None:
    """Make the users of Kafka, PostgreSQL and Redis, twice: a repeat changes nothing."""
    in_postgres = [user for user in users if postgres_rules.has_user(user)]
    in_redis = [user for user in users if redis_rules.has_user(user)]
    for _ in range(2):
        said = await kafka_apply.apply(ends.kafka_bootstrap, users, secret, Foreign())
        await applying.postgres(ends.postgres_dsn, in_postgres, secret)
        await applying.redis(ends.redis_url, in_redis, secret)
    assert said == f"{len(users)} users, 0 rules created, 0 deleted"


def as_user(ends: Endpoints, name: str, password: str) -> Endpoints:
    """Return the engines' addresses with a user's login."""
    login = replace(access_of(ends.kafka_bootstrap), mechanism="SCRAM-SHA-512", username=name, password=password)
    return replace(
        ends,
        kafka_bootstrap=Bootstrap(str(ends.kafka_bootstrap), login),
        redis_url=re.sub("//[^@]*@", f"//{name}:{password}@", ends.redis_url),
        postgres_dsn=re.sub("//[^@]*@", f"//{name}:{password}@", ends.postgres_dsn),
    )


class LeastSystem(System):
    """An encrypted system; its processes have the users of ``deploy.privileges``, made before they start."""

    def start_roles(self) -> None:
        """Make the users, then start the roles."""
        users = each_role()
        self.passwords = passwords.of_users(self.data_dir / "passwords", users)
        asyncio.run(applied(self.stack.endpoints, users, self.passwords))
        super().start_roles()

    def endpoints_of(self, name: str) -> Endpoints:
        """Return the addresses with the login of a process' user."""
        user = PREFIX + name
        return as_user(self.endpoints, user, self.passwords[user])

    async def refusals_of_redis(self) -> list[str]:
        """Return which users were refused what by Redis."""
        redis = connect(self.endpoints.redis_url)
        try:
            rows = await redis.acl_log(100)
        finally:
            await redis.aclose()
        return [f"{row['username']}: {row['reason']} {row['object']}" for row in rows]
