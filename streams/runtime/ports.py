"""The engine's ports, where its other parts look for them; they are declared beside their implementations."""

from connectors.ports import (
    Answer,
    Bounds,
    Clock,
    Commit,
    Due,
    Headers,
    InRecord,
    Log,
    OutRecord,
    Position,
    Table,
    Taken,
    split_member,
    timer_member,
)

__all__ = [
    "Answer",
    "Bounds",
    "Clock",
    "Commit",
    "Due",
    "Headers",
    "InRecord",
    "Log",
    "OutRecord",
    "Position",
    "Table",
    "Taken",
    "split_member",
    "timer_member",
]
