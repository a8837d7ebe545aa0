"""Receivers of our spans, by the file that ``OTLP_TARGETS_FILE`` names.

A secret is in the environment or in a file of its own, never in this one: ``{env: NAME}`` and ``{file: PATH}`` name it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.values.fields import file_faults

VARIABLE = "OTLP_TARGETS_FILE"
#: What the protocol and the client set themselves.
_OURS = frozenset({"content-type", "content-length", "content-encoding", "host", "transfer-encoding", "connection"})
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_URL = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+(/[^\s?#]*)?")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(_Part):
    """Where the value of a header is: in a variable of the environment, or in a file, without its last line end."""

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError("write either env: NAME or file: PATH")
        return self

    def read(self, env: Mapping[str, str]) -> str:
        """Return the value. Raises ``ValueError`` that names where it should be."""
        if self.env:
            if not env.get(self.env):
                raise ValueError(f"the variable {self.env} is not set; see {VARIABLE}")
            return env[self.env]
        try:
            return Path(self.file).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise ValueError(f"the file {self.file} cannot be read; see {VARIABLE}") from exc


def _endpoint(url: str) -> str:
    if not _URL.fullmatch(url):
        raise ValueError("is no URL such as http://collector:4318; correct it")
    return url.rstrip("/")


class Filter(_Part):
    """Which records a target gets: those that match every given field; empty lists match all.

    ``workflows`` may have ``*``. ``statuses``: a record is sent whole when one of its spans has one of them. ``share``
    is of the traces, the same ones at every target. ``external`` are the spans that came by OTLP.
    """

    organisations: frozenset[str] = frozenset()
    workflows: tuple[str, ...] = ()
    statuses: frozenset[Literal["unset", "ok", "error"]] = frozenset()
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    external: bool = False


class Target(_Part):
    """One receiver. ``resource`` are attributes of the resource, ``batch_spans`` the most spans of a request."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
    endpoint: Annotated[str, AfterValidator(_endpoint)]
    protocol: Literal["http", "grpc"] = "http"
    headers: dict[str, Secret | str] = {}
    compression: Literal["gzip", "none"] = "gzip"
    timeout_ms: Annotated[int, Field(ge=1, le=600_000)] = 10_000
    batch_spans: Annotated[int, Field(ge=1, le=10_000)] = 512
    resource: dict[str, str] = {}
    filter: Filter = Filter()

    @model_validator(mode="after")
    def _headers(self) -> Self:
        for name in self.headers:
            if not _HEADER.fullmatch(name):
                raise ValueError(f"the header {name!r} is none; correct its name")
            if name.lower() in _OURS:
                raise ValueError(f"the header {name!r} is set by the protocol; remove it")
        return self

    def header_values(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with their secrets. Raises ``ValueError`` for one that is missing or not printable."""
        found = {name: one if isinstance(one, str) else one.read(env) for name, one in self.headers.items()}
        for name, value in found.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the value of the header {name!r} is not printable ASCII; see {VARIABLE}")
        return found


class TargetsFile(_Part):
    """The file."""

    targets: tuple[Target, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [target.name for target in self.targets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two targets have the name {twice}; positions are kept by name, so rename one")
        return self


def load_targets(file: str) -> tuple[Target, ...]:
    """Return the targets of a YAML file; no name is none. Raises ``ValueError`` that names the place of a mistake."""
    if not file:
        return ()
    with file_faults(f"the file of OTLP targets {file}", VARIABLE):
        try:
            return TargetsFile.model_validate(yaml.safe_load(Path(file).read_text("utf-8")) or {}).targets
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            raise ValueError(f"the file of OTLP targets {file} is not YAML; see {VARIABLE}") from exc
