"""Where the API is and with which key: arguments, then the environment, then a local system that ``make run`` keeps."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentflow.errors import NotConfigured

ENDPOINT = "AGENTFLOW_ENDPOINT"
TOKEN = "AGENTFLOW_TOKEN"  # noqa: S105
ORG_ID = "AGENTFLOW_ORG_ID"
PROJECT = "AGENTFLOW_PROJECT"
#: The environment file of a local system, as `schemas/configuration/running_system.py` finds it.
ENV_FILE = Path(".agentflow", "env")


@dataclass(frozen=True)
class Configuration:
    """How to reach the API. ``org_id`` is that of the key if it is ``None``."""

    base_url: str
    token: str = field(repr=False)
    org_id: str | None = None
    project: str | None = None


def configuration(
    base_url: str | None,
    token: str | None,
    org_id: str | None,
    project: str | None,
    *,
    env: Mapping[str, str] | None = None,
    here: Path | None = None,
) -> Configuration:
    """Return what is given, completed from ``AGENTFLOW_*`` of the environment and the nearest local system.

    A local system's key goes to its own address only. Raises ``NotConfigured`` without an address or a key.
    """
    env = os.environ if env is None else env
    url = base_url or env.get(ENDPOINT)
    key = token or env.get(TOKEN)
    if not url or not key:
        local = _local(here or Path.cwd())
        if url in {None, "", local.get("base_url")}:
            url, key = url or local.get("base_url"), key or local.get("token")
    if not url:
        raise NotConfigured(f"no address of the API: pass base_url, set {ENDPOINT}, or start a local system (make run)")
    if not key:
        raise NotConfigured(f"no API key for {url}: pass token, or set {TOKEN}")
    return Configuration(url.rstrip("/"), key, org_id or env.get(ORG_ID) or None, project or env.get(PROJECT) or None)


def _local(here: Path) -> dict[str, str]:
    file = next((folder / ENV_FILE for folder in (here, *here.parents) if (folder / ENV_FILE).is_file()), None)
    if file is None:
        return {}
    pairs = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
    values = {name: "".join(shlex.split(value)) for name, _, value in pairs if name}
    found = {"base_url": _address(values)}
    token = values.get("API_KEY") or _content(values.get("API_KEY_FILE"))
    return found | ({"token": token} if token else {})


def _address(values: Mapping[str, str]) -> str:
    host = values.get("API_HOST", "127.0.0.1")
    return f"http://{'127.0.0.1' if host in {'', '0.0.0.0', '::'} else host}:{values.get('API_PORT', '8080')}"  # noqa: S104


def _content(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8").strip() if path and Path(path).is_file() else None
