"""Imports the light part of AgentDojo: suites and tools, without the clients of model providers.

Its package of pipelines imports seven providers' clients in its ``__init__``; its modules of suites need three small
modules of it, which need none. So that ``__init__`` is not run, and the one client that they name is a stand-in.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

VERSION = "v1.2.2"
_PIPELINE = "agentdojo.agent_pipeline"


def load_suite(name: str) -> Any:
    """Return one of the package's suites. Raises ``ImportError``."""
    _without_clients()
    from agentdojo.task_suite.load_suites import get_suite

    return get_suite(VERSION, name)


def _without_clients() -> None:
    found = importlib.util.find_spec("agentdojo")
    if found is None or not found.submodule_search_locations:
        raise ImportError("agentdojo is not installed in this environment")
    folder = Path(next(iter(found.submodule_search_locations))) / "agent_pipeline"
    for name, path in ((_PIPELINE, folder), (f"{_PIPELINE}.llms", folder / "llms")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules.setdefault(name, package)
    for name, contents in (
        (f"{_PIPELINE}.llms.google_llm", {"EMPTY_FUNCTION_NAME": "<empty-function>"}),
        ("agentdojo.logging", {"Logger": object}),
    ):
        module = ModuleType(name)
        vars(module).update(contents)
        sys.modules.setdefault(name, module)
