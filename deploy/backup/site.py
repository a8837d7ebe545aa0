"""A site: the engines that settings name, as a backup and a restore reach them."""

from dataclasses import dataclass, field

from connectors.objects.backends import Blobs
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from schemas.settings import Settings


@dataclass(frozen=True)
class Site:
    """Addresses and the object store. An empty ``vault_dsn`` means that the vault's rows are in ``dsn``."""

    bootstrap: str
    dsn: str = field(repr=False)
    vault_dsn: str = field(repr=False)
    redis_url: str = field(repr=False)
    clickhouse_url: str = field(repr=False)
    clickhouse_database: str
    partitions: int
    replication: int
    min_isr: int
    blobs: Blobs = field(repr=False)

    @property
    def keys_dsn(self) -> str:
        """Where the vault's rows are."""
        return self.vault_dsn or self.dsn


def site_of(settings: Settings) -> Site:
    """Return the site of settings. Raises ``ValueError`` for a store of objects that cannot be."""
    objects = settings.objects
    return Site(
        bootstrap=settings.kafka.bootstrap,
        dsn=settings.postgres.dsn.get_secret_value(),
        vault_dsn=settings.vault.dsn.get_secret_value(),
        redis_url=settings.redis.url.get_secret_value(),
        clickhouse_url=settings.clickhouse.url.get_secret_value(),
        clickhouse_database=settings.clickhouse.database,
        partitions=settings.kafka.partitions,
        replication=settings.kafka.replication,
        min_isr=settings.kafka.min_isr,
        blobs=open_objects(objects.url, objects.directory, s3_access(objects)).blobs,
    )
