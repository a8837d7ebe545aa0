"""A worker of your own: ``agentflow worker app.py`` serves a queue with the tools and functions of a file.

from agentflow import tool, ToolContext
from agentflow.worker import StepError

@tool
def pages(context: ToolContext, *, book: str) -> int: ...
"""

from agentflow.worker.errors import (
    Canceled,
    InvalidRequest,
    LeaseLost,
    NotAllowed,
    QueueUnknown,
    StepError,
    WorkerError,
)

__all__ = ["Canceled", "InvalidRequest", "LeaseLost", "NotAllowed", "QueueUnknown", "StepError", "WorkerError"]
