"""Tools and functions that workflows call by name. Importing this package registers those that ship with it."""

from connectors.tools import files, merging, splitting
from connectors.tools.context import ToolContext
from connectors.tools.registry import REGISTRY, Registry, function, tool

__all__ = ["REGISTRY", "Registry", "ToolContext", "files", "function", "merging", "splitting", "tool"]
