"""AgentFlow for Python: a client of its API, a builder of workflows, and decorators for tools of your own.

It imports nothing of the application, and nothing heavy before it is used: ``from agentflow import tool`` needs the
standard library alone.

    from agentflow import Client, ToolContext, function, tool


    @function
    def word_count(*, text: str) -> int: ...


    @tool("weather.today", memory_mb=256)
    def today(context: ToolContext, *, city: str) -> dict[str, str]: ...


    with Client() as client:
        run = client.workflows.submit("document_analysis", {"document_key": "sample.pdf"}, budget_cents=1000)

The decorators return what they decorate, so it can be called and tested as any Python function.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.builder import Body, Workflow
    from agentflow.client import AsyncClient, Client, Response, Retries
    from agentflow.context import ToolContext
    from agentflow.declaration import ATTRIBUTE, Argument, Declaration, function, scorer, tool
    from agentflow.errors import AgentFlowError, APIError
    from agentflow.providers import GenerateRequest, GenerateResponse, ProviderError, provider

    __version__: str

__all__ = [
    "ATTRIBUTE",
    "APIError",
    "AgentFlowError",
    "Argument",
    "AsyncClient",
    "Body",
    "Client",
    "Declaration",
    "GenerateRequest",
    "GenerateResponse",
    "ProviderError",
    "Response",
    "Retries",
    "ToolContext",
    "Workflow",
    "__version__",
    "function",
    "provider",
    "scorer",
    "tool",
]

_PLACES = {
    "agentflow.builder": ("Body", "Workflow"),
    "agentflow.client": ("AsyncClient", "Client", "Response", "Retries"),
    "agentflow.context": ("ToolContext",),
    "agentflow.declaration": ("ATTRIBUTE", "Argument", "Declaration", "function", "scorer", "tool"),
    "agentflow.errors": ("APIError", "AgentFlowError"),
    "agentflow.providers": ("GenerateRequest", "GenerateResponse", "ProviderError", "provider"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        return import_module("agentflow.version").VERSION
    for place, names in _PLACES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(place), name)
            return found
    raise AttributeError(f"module 'agentflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
