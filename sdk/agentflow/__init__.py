"""Tools, functions and providers for AgentFlow: what a package or a file of them imports.

It imports nothing of the application.

    from agentflow import ToolContext, function, tool


    @function
    def word_count(*, text: str) -> int: ...


    @tool("weather.today", memory_mb=256)
    def today(context: ToolContext, *, city: str) -> dict[str, str]: ...

The decorators return what they decorate, so it can be called and tested as any Python function.
"""

from agentflow.context import ToolContext
from agentflow.declaration import ATTRIBUTE, Argument, Declaration, function, tool
from agentflow.providers import GenerateRequest, GenerateResponse, ProviderError, provider

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
