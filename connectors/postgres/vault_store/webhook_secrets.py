"""Secrets of webhooks, outgoing and incoming, wrapped again when the master key changes."""

from itertools import product

from connectors.kms.sealing import UnreadableError
from connectors.ports.kms import Kms, Wrapped
from connectors.postgres.database import Database
from connectors.postgres.triggers.stored import secret_place as place_of_trigger
from connectors.postgres.vault import Resealed
from connectors.postgres.webhooks.stored import secret_place as place_of_webhook

#: The secret in force, and the one before it.
_PAIRS = (("sealed", "sealed_under"), ("sealed_before", "sealed_before_under"))
#: Tables that have them, and what a secret of each is bound to.
_TABLES = (("webhook", place_of_webhook), ("run_trigger", place_of_trigger))


async def reseal_webhooks(database: Database, kms: Kms) -> Resealed:
    """Wrap the secrets that are under another master key by the present one, each on its own. Raises ``Unavailable``.

    Secrets that do not open are left as they are. One that is rotated at this moment is wrapped by who rotates it.
    """
    current, sealed, left = await kms.current(), 0, list[str]()
    for (table, secret_place), (data, under) in product(_TABLES, _PAIRS):
        rows = await database.fetch(
            "read secrets of webhooks",
            f"SELECT org_id, id, {data} AS data, {under} AS under FROM {table} WHERE {under} <> $1 ORDER BY id",
            current,
        )
        for row in rows:
            place = secret_place(row["org_id"], row["id"])
            try:
                secret = await kms.unwrap(Wrapped(row["under"], row["data"]), place)
            except UnreadableError:
                left.append(place)
                continue
            wrapped = await kms.wrap(secret, place)
            changed = await database.fetch(
                "wrap a webhook's secret again",
                f"UPDATE {table} SET {data} = $4, {under} = $5 "
                f"WHERE org_id = $1 AND id = $2 AND {data} = $3 RETURNING id",
                *(row["org_id"], row["id"], row["data"], wrapped.data, wrapped.under),
            )
            sealed += len(changed)
    return Resealed(sealed, tuple(left))
