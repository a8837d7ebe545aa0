"""Commands of operators for the vault, over all organisations.

``reseal`` changes the master key: it wraps again what is under another one: keys of organisations and of providers,
secrets of webhooks and of tools.

    1. set VAULT_KEY to the new key and VAULT_KEY_BEFORE to the old one, and restart all processes;
       with a transit engine, rotate its key there
    2. python -m deploy.vault reseal
    3. remove VAULT_KEY_BEFORE

Between 1 and 2 every process opens both. 2 may be repeated, and killed. It names what does not open: keys of providers
have to be stored again, and until then calls that need them fail.

``scrub`` rewrites the vault's tables, so that keys of erased subjects leave PostgreSQL's files, and closes the segment
of its write-ahead log. It locks each table for as long as it takes to copy it.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from connectors.kms.opening import open_kms
from connectors.postgres.database import Database, connect_once
from connectors.postgres.tools.secrets import SecretStore
from connectors.postgres.vault import Vault
from connectors.postgres.vault_store.scrubbing import scrubbed
from connectors.postgres.vault_store.webhook_secrets import reseal_webhooks
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError
from schemas.settings import Settings
from services.privacy.vault.opening import open_vault

#: All keys of providers are wrapped in one transaction.
_TIMEOUT_S = 60.0


class Resealed(NamedTuple):
    """How many keys of providers and organisations, secrets of webhooks and of tools were wrapped again.

    ``left`` are the places of what does not open.
    """

    sealed: int
    organisations: int
    webhooks: int
    tools: int
    left: tuple[str, ...]


async def reseal(settings: Settings) -> Resealed:
    """Wrap everything under the present master key. Raises ``ValueError`` without one."""
    kms = open_kms(settings.security, settings.vault)
    if kms is None:
        raise ValueError("VAULT_KEY is not set; set it to the key that the vault is to be wrapped by")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(kms.close)
        data, keys = _database(settings.postgres.dsn.get_secret_value()), _database(vault_dsn(settings))
        stack.push_async_callback(data.close)
        stack.push_async_callback(keys.close)
        changed, damaged = await open_vault(kms, keys).rotation.rewrap_all()
        providers = await Vault(data, kms).reseal()
        webhooks = await reseal_webhooks(data, kms)
        tools = await SecretStore(data, kms).reseal()
        left = (*(f"org-key/{one}" for one in damaged), *providers.left, *webhooks.left, *tools.left)
        return Resealed(providers.sealed, changed, webhooks.sealed, tools.sealed, left)


async def scrub(settings: Settings) -> list[str]:
    """Rewrite the vault's tables; return what was done, in sentences."""
    conn = await connect_once(vault_dsn(settings), _TIMEOUT_S)
    try:
        return await scrubbed(conn)
    finally:
        await conn.close()


def vault_dsn(settings: Settings) -> str:
    """Return where the vault's rows are."""
    return settings.vault.dsn.get_secret_value() or settings.postgres.dsn.get_secret_value()


def _database(dsn: str) -> Database:
    return Database(dsn, max_connections=1, timeout_s=_TIMEOUT_S)


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.vault", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("reseal", "scrub"))
    add_data_dir(parser)
    command = parser.parse_args(arguments).command
    try:
        settings = Settings.from_env(environment(os.environ, arguments))
        return _scrub(settings) if command == "scrub" else _reseal(settings)
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    except AgentFlowError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def _scrub(settings: Settings) -> int:
    sys.stdout.write("".join(f"{one}\n" for one in asyncio.run(scrub(settings))))
    return 0


def _reseal(settings: Settings) -> int:
    sealed = asyncio.run(reseal(settings))
    sys.stdout.write(
        f"{sealed.sealed} keys of providers, {sealed.organisations} keys of organisations, "
        f"{sealed.webhooks} secrets of webhooks and {sealed.tools} secrets of tools were sealed again\n"
    )
    for place in sealed.left:
        sys.stderr.write(
            f"{place} does not open; store it again, or set the VAULT_KEY_BEFORE that it is sealed under\n"
        )
    return 1 if sealed.left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
