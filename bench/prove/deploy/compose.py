"""Lines of the compose files: roles that nothing runs, and variables that no process reads."""

from collections.abc import Sequence
from pathlib import Path

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.progress import Progress
from deploy.manifests.compose import ours, roles_without_service, services_of
from deploy.manifests.known import unknown

ROOT = Path(__file__).resolve().parents[3]
FILES = ("docker-compose.yml", "docker-compose.prod.yml")
_NONE = at_most(0)

AIMS = (
    Aim("compose_roles_without_service", "roles", _NONE, _NONE),
    Aim("compose_variables_unknown", "variables", _NONE, _NONE),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:  # noqa: ARG001 - it is as quick as can be
    """Read the compose files."""
    progress("deploy: compose files against the registry of roles and the settings")
    files = [services_of(ROOT / name) for name in FILES]
    without = [role for services in files for role in roles_without_service(services)]
    strange = [name for services in files for one in ours(services).values() for name in unknown(one["environment"])]
    return [
        line_of(AIMS, "compose_roles_without_service", len(without), ", ".join(without)),
        line_of(AIMS, "compose_variables_unknown", len(set(strange)), ", ".join(sorted(set(strange)))),
    ]
