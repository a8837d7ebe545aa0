"""What a policy decides by, at each of its points. Callers fill them from the run's records, never from a model."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from schemas.labels.label import Label
from schemas.labels.mapped import Labels
from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity


class Key(Struct, frozen=True, kw_only=True):
    """The key, or the person, that acts."""

    id: str = ""
    project: str = ""
    permissions: Sequence[str] = ()
    roles: Sequence[str] = ()


class Where(Struct, frozen=True, kw_only=True):
    """Where it happens. ``kind`` is that of the node (``tool``, ``agent``, …)."""

    org: str
    workflow: str = ""
    version: int = 0
    run: str = ""
    node: str = ""
    kind: str = ""
    key: Key = Key()
    tags: Mapping[str, str] = {}


class ToolFacts(Struct, frozen=True, kw_only=True):
    """A tool is about to be called. ``labels`` are those of ``args`` as one value, by path.

    ``context`` is what the caller has read: all of an agent's turns, of a node its arguments. ``control`` is what chose
    the call. ``trusted`` are texts that are labelled ``user`` or better, in which arguments may stand verbatim.
    """

    where: Where
    tool: str
    security: ToolSecurity
    args: Mapping[str, Json]
    labels: Labels
    control: Label
    context: Label
    trusted: Sequence[str] = ()


class ModelFacts(Struct, frozen=True, kw_only=True):
    """A provider is about to read. ``labels`` are those of the prompt's arguments as one value.

    ``regions`` are all in which it may be processed; ``retention`` is in days. What is not known of a provider is
    ``None``, and a rule that reads it denies.
    """

    where: Where
    provider: str
    model: str
    regions: Sequence[str] | None = None
    retention: int | None = None
    training: bool | None = None
    certifications: Sequence[str] | None = None
    args: Mapping[str, Json] = {}
    labels: Labels
    control: Label
    context: Label


class OutputFacts(Struct, frozen=True, kw_only=True):
    """A step, or a run, gives a value. ``path`` names what it is about in decisions.

    ``tool`` is the tool that gave it, if one did.
    """

    where: Where
    value: Json
    labels: Labels
    control: Label
    path: str = "$"
    tool: str = ""


class Reader(Struct, frozen=True, kw_only=True):
    """Who wants to read: a ``key`` or a ``user``, with the ids under which readers of labels may name it."""

    id: str
    kind: str = "key"
    project: str = ""
    permissions: Sequence[str] = ()
    roles: Sequence[str] = ()
    groups: Sequence[str] = ()


class ReadFacts(Struct, frozen=True, kw_only=True):
    """A reader asks for recorded data. ``kind`` says what it is: ``run``, ``step``, ``trace``, ``object``, …"""

    where: Where
    reader: Reader
    label: Label
    control: Label
    kind: str = "run"
    path: str = "$"


class AdminFacts(Struct, frozen=True, kw_only=True):
    """An act of administration is about to take effect.

    ``operation`` is the name of the API's operation (``create_key``), ``method`` and ``path`` those of its route,
    ``subject`` the path of the thing without ``/api/v1/``. ``body`` is what was sent, ``None`` where it has secrets.
    ``actor`` is a ``key`` or a ``user``.
    """

    where: Where
    operation: str
    actor: str = "key"
    method: str = "POST"
    path: str = ""
    subject: str = ""
    body: Json = None


Facts = ToolFacts | ModelFacts | OutputFacts | ReadFacts | AdminFacts
