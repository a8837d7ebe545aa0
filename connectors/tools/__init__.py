"""Tools and functions that workflows call by name. Importing this package registers the built-in ones."""

from connectors.tools.builtin import combine, complexity, concat_lists, images, merge, s3, split
from connectors.tools.context import ToolContext
from connectors.tools.effects import Done, NotDone, Reconciled, Unknown
from connectors.tools.entry_points import load_entry_points
from connectors.tools.http import request
from connectors.tools.kafka import PRODUCERS, produce
from connectors.tools.mcp import McpCall
from connectors.tools.metrics import METRICS
from connectors.tools.registry import REGISTRY, Registry, function, tool

__all__ = [
    "METRICS",
    "PRODUCERS",
    "REGISTRY",
    "Done",
    "McpCall",
    "NotDone",
    "Reconciled",
    "Registry",
    "ToolContext",
    "Unknown",
    "combine",
    "complexity",
    "concat_lists",
    "function",
    "images",
    "load_entry_points",
    "merge",
    "produce",
    "request",
    "s3",
    "split",
    "tool",
]
