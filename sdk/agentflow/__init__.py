"""Tools, functions and providers for AgentFlow: what a package or a file of them imports.

It imports nothing of the application, and each name when it is first used: ``agentctl --help`` needs none of them.

    from agentflow import ToolContext, function, tool


    @function
    def word_count(*, text: str) -> int: ...


    @tool("weather.today", memory_mb=256)
    def today(context: ToolContext, *, city: str) -> dict[str, str]: ...

The decorators return what they decorate, so it can be called and tested as any Python function.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentflow.context import ToolContext
    from agentflow.declaration import ATTRIBUTE, Argument, Declaration, function, tool
    from agentflow.providers import GenerateRequest, GenerateResponse, ProviderError, provider

_HOME = {
    "ATTRIBUTE": "declaration",
    "Argument": "declaration",
    "Declaration": "declaration",
    "GenerateRequest": "providers",
    "GenerateResponse": "providers",
    "ProviderError": "providers",
    "ToolContext": "context",
    "function": "declaration",
    "provider": "providers",
    "tool": "declaration",
}

__all__ = [
    "ATTRIBUTE",
    "Argument",
    "Declaration",
    "GenerateRequest",
    "GenerateResponse",
    "ProviderError",
    "ToolContext",
    "function",
    "provider",
    "tool",
]


def __getattr__(name: str) -> object:
    """Import a name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'agentflow' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"agentflow.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
