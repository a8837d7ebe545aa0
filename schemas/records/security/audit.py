"""The audit log, as other systems hear of it. Key: organisation."""

from typing import ClassVar

from schemas.records.base import CloudEvent, Int64, Part


class Vouched(Part, frozen=True, kw_only=True):
    """The data of ``AuditCheckpoint``. ``note`` is the signed checkpoint, the rest says what is in it."""

    size: Int64
    root: str
    note: str


class AuditCheckpoint(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="audit.checkpoint"):
    """A signed checkpoint of the organisation's audit log, to be kept where the operator cannot change it."""

    type: ClassVar[str] = "audit.checkpoint"
