"""Changes the envelope key of the stored keys of providers: seals them again under the current one.

    1. set VAULT_KEY to the new key and VAULT_KEY_BEFORE to the old one, and restart all processes
    2. python -m deploy.vault reseal
    3. remove VAULT_KEY_BEFORE

Between 1 and 2 every process opens both. 2 may be repeated. It names the keys that do not open:
they have to be stored again, and until then calls that need them fail.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from connectors.kms.opening import open_kms
from connectors.postgres.database import Database
from connectors.postgres.vault import Resealed, Vault
from schemas.errors import AgentFlowError
from schemas.running_system import add_data_dir, environment
from schemas.settings import Settings

#: All keys are sealed in one transaction.
_TIMEOUT_S = 60.0


async def reseal(settings: Settings) -> Resealed:
    """Seal all keys under the current envelope key. Raises ``ValueError`` without one."""
    kms = open_kms(settings.security)
    if kms is None:
        raise ValueError("VAULT_KEY is not set; set it to the key that the keys of providers are to be sealed under")
    database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1, timeout_s=_TIMEOUT_S)
    try:
        return await Vault(database, kms).reseal()
    finally:
        await database.close()


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.vault", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("reseal",))
    add_data_dir(parser)
    parser.parse_args(arguments)
    try:
        sealed = asyncio.run(reseal(Settings.from_env(environment(os.environ, arguments))))
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    except AgentFlowError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write(f"{sealed.sealed} keys were sealed again\n")
    for place in sealed.left:
        sys.stderr.write(
            f"{place} does not open; store it again, or set the VAULT_KEY_BEFORE that it is sealed under\n"
        )
    return 1 if sealed.left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
