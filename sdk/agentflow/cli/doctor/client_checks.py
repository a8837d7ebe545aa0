"""Checks of the key, its organisation, the configuration file and the clock."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from agentflow.cli.doctor.facts import Facts, Finding

#: Timestamps of signatures and tokens bear this much.
_MOST_AHEAD_S = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_OTHERS = 0o077


def no_key(facts: Facts) -> Iterator[Finding]:
    """Find that no key is set."""
    if not facts.token:
        yield Finding("no API key is set", "agentctl config set token <key>, or set AGENTFLOW_TOKEN")


def refused_key(facts: Facts) -> Iterator[Finding]:
    """Find that the key is unknown, expired or revoked."""
    if facts.token and facts.refused and facts.refused[0] == 401:
        yield Finding(
            f"the key is refused: {facts.refused[1]}",
            "check which one is sent (agentctl config show); an admin makes a new one (agentctl key create <name>)",
        )


def organisation(facts: Facts) -> Iterator[Finding]:
    """Find that the configured organisation is not the key's, or that the key may not read."""
    if facts.refused and facts.refused[0] == 403:
        yield Finding(
            f"the key may not read this organisation: {facts.refused[1]}",
            "set the key's own organisation (agentctl config set org-id <id>), or use a key that may read",
        )


def config_file(facts: Facts) -> Iterator[Finding]:
    """Find that others can read the configuration file."""
    if facts.config_mode is not None and facts.config_mode & _OTHERS:
        yield Finding(
            f"others can read {facts.config_file}, mode {facts.config_mode:04o}", f"chmod 600 {facts.config_file}"
        )


def plain_http(facts: Facts) -> Iterator[Finding]:
    """Find that the key is sent over a network in the clear."""
    parts = urlsplit(facts.endpoint)
    if parts.scheme == "http" and facts.token and parts.hostname not in _LOOPBACK:
        yield Finding(
            f"the key is sent to {facts.endpoint} without encryption",
            "put TLS in front of the API, then agentctl config set endpoint https://...",
        )


def clock(facts: Facts) -> Iterator[Finding]:
    """Find that this machine's clock and the server's differ."""
    if facts.ahead_s is not None and abs(facts.ahead_s) > _MOST_AHEAD_S:
        word = "ahead of" if facts.ahead_s > 0 else "behind"
        yield Finding(
            f"the server's clock is {abs(facts.ahead_s):.0f} s {word} this machine's",
            "synchronise both clocks (NTP): times such as --since 1h, schedules and tokens depend on them",
        )
