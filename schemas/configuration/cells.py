"""Settings of cells: the name of this one, and the others with their addresses and the files of their tokens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field, SecretStr, field_validator

from schemas.configuration.group import Group
from schemas.configuration.variables import Var, read_secret

NAME_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
MIN_TOKEN = 32


class Cells(Group):
    """Cells. Without ``name`` this site is no cell. ``file`` names the others, ``token`` is what they send to this one.

    ``dsn`` is for copies, which write all tables of an organisation. ``settle_s`` is for how long a move waits after
    each change of an organisation's place: longer than any process answers by what it knew before.
    """

    name: Annotated[str, Var("CELL_NAME"), Field(pattern=rf"^({NAME_PATTERN})?$")] = ""
    file: Annotated[str, Var("CELLS_FILE")] = ""
    token: Annotated[SecretStr, Var("CELL_TOKEN")] = SecretStr("")
    dsn: Annotated[SecretStr, Var("CELL_DSN")] = SecretStr("")
    settle_s: Annotated[float, Var("CELL_SETTLE_S"), Field(ge=6, le=600)] = 12.0

    @field_validator("token")
    @classmethod
    def _long(cls, raw: SecretStr) -> SecretStr:
        if 0 < len(raw.get_secret_value()) < MIN_TOKEN:
            raise ValueError(f"is shorter than {MIN_TOKEN} characters; make one with `openssl rand -base64 48`")
        return raw


@dataclass(frozen=True, slots=True)
class OtherCell:
    """Another cell."""

    name: str
    url: str
    token: str = field(repr=False)


def read_cells(path: str) -> Mapping[str, OtherCell]:
    """Read the file of other cells: ``{"west": {"url": "https://…", "token_file": "/run/secrets/west"}}``.

    Raises ``ValueError`` that names what is wrong, and never a token.
    """
    if not path:
        return {}
    try:
        found = orjson.loads(Path(path).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        raise ValueError(f"CELLS_FILE={path!r} is no readable file of JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"CELLS_FILE={path!r} is no object of cells by name")  # noqa: TRY004 - a setting is wrong
    return {name: _cell(name, one) for name, one in found.items()}


def _cell(name: str, given: Any) -> OtherCell:
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(f"CELLS_FILE: {name!r} is no name of a cell; use a-z, 0-9 and '-'")
    if not isinstance(given, dict) or given.keys() != {"url", "token_file"}:
        raise ValueError(f'CELLS_FILE: cell {name} needs "url" and "token_file", and nothing else')
    url = str(given["url"]).rstrip("/")
    if not re.fullmatch(r"https://[^/\s?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?", url):
        raise ValueError(f"CELLS_FILE: the url of cell {name} is no address of https without a path")
    token = read_secret({"CELL_TOKEN_FILE": str(given["token_file"])}, "CELL_TOKEN")
    if len(token) < MIN_TOKEN:
        raise ValueError(f"CELLS_FILE: the token of cell {name} is shorter than {MIN_TOKEN} characters")
    return OtherCell(name, url, token)
