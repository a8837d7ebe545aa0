"""What PostgreSQL refuses is said with its fix."""

import asyncpg
import pytest

from connectors.postgres.errors import postgres_errors
from schemas.errors import AccessRefused


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            asyncpg.InvalidAuthorizationSpecificationError("connection requires a valid client certificate"),
            "postgres: ping: it wants a certificate of this client; set DB_SSL_CERT and DB_SSL_KEY",
        ),
        (
            asyncpg.InvalidPasswordError("canary"),
            "postgres: ping: check user, password and database (InvalidPasswordError)",
        ),
        (
            asyncpg.InsufficientPrivilegeError("permission denied for table workflow"),
            "postgres: ping: permission denied for table workflow; see docs/how-to/hardening.md#postgresql",
        ),
    ],
)
def test_refusal_names_the_fix(error: Exception, said: str) -> None:
    with pytest.raises(AccessRefused) as caught, postgres_errors("ping"):
        raise error
    assert str(caught.value) == said
