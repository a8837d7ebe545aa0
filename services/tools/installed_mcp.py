"""MCP servers of the installation, from the file that ``MCP_SERVERS_FILE`` names: YAML or JSON.

::

    servers:
      files:
        command: [mcp-files, --root, /srv/files]
        env: {TOKEN: "${FILES_TOKEN}"}
        organisations: [acme]
      search:
        url: https://search.example.com/mcp
        integrity: third_party
        classes: [internal]
        headers: {Authorization: "Bearer ${SECRET:SEARCH_KEY}"}

Only here a server may be a process (``command``). ``${NAME}`` in ``env`` is a variable of the worker's environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.labels.servers import DataClass, ServerIntegrity
from schemas.spec.text.read import read_document

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
ServerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class InstalledServer(BaseModel):
    """One server. Without ``organisations`` every one may use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    headers: dict[str, str] = {}
    command: list[str] = []
    env: dict[str, str] = {}
    organisations: list[str] = []
    integrity: ServerIntegrity = "web"
    classes: list[DataClass] = []
    timeout_ms: int = Field(default=30_000, ge=1, le=300_000)

    @model_validator(mode="after")
    def _one_of_both(self) -> "InstalledServer":
        if bool(self.url) == bool(self.command):
            raise ValueError("write url or command, and not both")
        return self

    def is_for(self, org_id: str) -> bool:
        """Return whether an organisation may use it."""
        return not self.organisations or org_id in self.organisations

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of its process."""
        return {name: _VARIABLE.sub(lambda at: env.get(at[1], ""), value) for name, value in self.env.items()}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    servers: dict[ServerName, InstalledServer] = {}


def installed_servers(file: str) -> dict[str, InstalledServer]:
    """Return the servers of a file, none without one. Raises ``ValueError`` that names what is wrong."""
    if not file:
        return {}
    try:
        found: Any = read_document(Path(file).read_text(encoding="utf-8"))
        return _File.model_validate(found or {}).servers
    except OSError as exc:
        raise ValueError(f"MCP_SERVERS_FILE={file} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"MCP_SERVERS_FILE={file}: {where}: {first['msg']}") from exc


def environment() -> Mapping[str, str]:
    """Return the variables that ``env`` may name."""
    return os.environ
