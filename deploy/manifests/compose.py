"""What a compose file runs: its services, their roles and their variables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from streams.roles.registry import ROLES

STREAMS = ["python", "-m", "streams"]
API = ["python", "-m", "api"]

Services = Mapping[str, Mapping[str, Any]]


def services_of(path: Path) -> Services:
    """Return the services of a compose file by name."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    services: Services = loaded["services"]
    return services


def roles_of(command: Sequence[str]) -> list[str]:
    """Return the roles that a container's command runs; of other commands none."""
    start, named = list(command[: len(STREAMS)]), list(command[len(STREAMS) :])
    start = ["python" if word == "python3" else word for word in start]
    if start != STREAMS:
        return []
    return list(ROLES) if named == ["all"] else named


def roles_without_service(services: Services) -> list[str]:
    """Return the roles that nothing runs."""
    run = {role for service in services.values() for role in roles_of(service.get("command", ()))}
    return sorted(set(ROLES) - run)


def ours(services: Services) -> Services:
    """Return the services that run a process of ours: those that have a variable for the log."""
    return {name: one for name, one in services.items() if "KAFKA_BOOTSTRAP" in one.get("environment", {})}
