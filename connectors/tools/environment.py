"""The permissions of tools for outside systems: read from the settings once, and given to each call in its context."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult

from connectors.objects.s3 import S3Access, s3_access
from connectors.tools.sites import Site, site_of
from schemas.configuration.variables import FILE_SUFFIX, read_secret
from schemas.settings import Settings
from schemas.triggers.allowed_topics import AllowedTopics, read_allowed
from topics.catalogue import OWN_TOPICS

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Secret:
    """A secret that headers may name: ``value``, sent to ``host`` only (to any allowed one when empty)."""

    value: str = field(repr=False)
    host: str = ""


@dataclass(frozen=True)
class HttpRules:
    """The permissions of ``http.request``. ``networks`` are private networks that it may reach nevertheless."""

    sites: tuple[Site, ...] = ()
    networks: tuple[IpNetwork, ...] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)

    def allows(self, url: SplitResult) -> bool:
        """Return true if a URL's place is among the sites."""
        return any(site.holds(url) for site in self.sites)


@dataclass(frozen=True)
class KafkaRules:
    """The permissions of ``kafka.produce``: the topics by organisation, and where the brokers are."""

    topics: AllowedTopics = field(default_factory=AllowedTopics)
    bootstrap: str = field(default="", repr=False)


@dataclass(frozen=True)
class World:
    """``buckets`` are those in S3 (``*`` for all); any other is a directory below the documents or results."""

    http: HttpRules = field(default_factory=HttpRules)
    s3: S3Access = field(default_factory=S3Access)
    buckets: frozenset[str] = frozenset()
    results_dir: Path = Path(".agentflow/results")
    kafka: KafkaRules = field(default_factory=KafkaRules)

    def in_s3(self, bucket: str) -> bool:
        """Return true if a bucket is in S3."""
        return bool(bucket) and (bucket in self.buckets or "*" in self.buckets)


def environment_of(settings: Settings, env: Mapping[str, str]) -> World:
    """Return what the settings allow; secrets come from ``env``. Raises ``ValueError`` that names the variable."""
    results, documents = Path(settings.tools.results_dir).resolve(), Path(settings.tools.documents_dir).resolve()
    if results.is_relative_to(documents):
        raise ValueError("RESULTS_DIR is below DOCUMENTS_DIR, where every organisation reads; choose another directory")
    return World(
        http=replace(
            http_rules(settings), secrets=dict(_secret(entry, env) for entry in _listed(settings.tools.http_secrets))
        ),
        s3=s3_access(settings.objects),
        buckets=frozenset(_listed(settings.tools.remote_buckets)),
        results_dir=Path(settings.tools.results_dir),
        kafka=KafkaRules(read_allowed(settings.tools.kafka_topics, OWN_TOPICS), settings.kafka.bootstrap),
    )


def http_rules(settings: Settings) -> HttpRules:
    """Return which sites may be asked, without secrets. Raises ``ValueError`` that names the variable."""
    return HttpRules(tuple(map(_site, _listed(settings.tools.http_allow))), networks_of(settings))


def networks_of(settings: Settings) -> tuple[IpNetwork, ...]:
    """Return the private networks that may be reached nevertheless. Raises ``ValueError`` that names the variable."""
    return tuple(map(_network, _listed(settings.tools.http_allow_networks)))


def _listed(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _site(entry: str) -> Site:
    try:
        return site_of(entry)
    except ValueError as exc:
        raise ValueError(f"HTTP_ALLOW has {exc}") from exc


def _network(entry: str) -> IpNetwork:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as exc:
        raise ValueError(f"HTTP_ALLOW_NETWORKS has {entry!r}: write a network such as 10.1.0.0/16") from exc


def _secret(entry: str, env: Mapping[str, str]) -> tuple[str, Secret]:
    name, _, host = entry.partition("@")
    if not _NAME.fullmatch(name):
        raise ValueError(f"HTTP_SECRETS has {entry!r}: write NAME@host, with NAME a variable of the environment")
    if not (value := read_secret(env, name)):
        raise ValueError(f"HTTP_SECRETS names {name}, and neither {name} nor {name}{FILE_SUFFIX} is set")
    return name, Secret(value, host.lower())
