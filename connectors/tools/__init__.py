"""Tools and functions that workflows call by name. Importing this package registers those that ship with it."""

from connectors.tools import combining, complexity, files, gathering, http_request, images, merging, splitting
from connectors.tools.context import ToolContext
from connectors.tools.effects import Done, NotDone, Reconciled, Unknown
from connectors.tools.entry_points import load_entry_points
from connectors.tools.metrics import METRICS
from connectors.tools.registry import REGISTRY, Registry, function, tool

__all__ = [
    "METRICS",
    "REGISTRY",
    "Done",
    "NotDone",
    "Reconciled",
    "Registry",
    "ToolContext",
    "Unknown",
    "combining",
    "complexity",
    "files",
    "function",
    "gathering",
    "http_request",
    "images",
    "load_entry_points",
    "merging",
    "splitting",
    "tool",
]
