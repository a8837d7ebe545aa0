"""A tool of your own, with its configuration (the guide's "Creating Custom Tools").

TOOLS=examples/sdk/custom_tool.py make run
"""

from agentflow import tool


@tool("custom_tool")
class CustomTool:
    """Says that it did its work. A node gives ``greeting`` as ``tool_config``, ``name`` as an argument."""

    def __init__(self, *, greeting: str = "Hello") -> None:
        self.greeting = greeting

    def __call__(self, *, name: str) -> dict[str, str]:
        """Do the work."""
        return {"result": f"Tool execution completed: {self.greeting}, {name}"}
