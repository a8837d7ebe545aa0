"""Create a version of a prompt (the guide's "Managing Prompts").

.venv/bin/python examples/sdk/prompts.py
"""

from agentflow import Client
from agentflow.models import PromptAnswer


def main(client: Client) -> PromptAnswer:
    """Create the prompt; the same text again is the same version."""
    prompt = client.prompts.create(
        name="document_analyzer",
        template="Analyze this document: {{.content}}",
        schema={"content": {"type": "string", "required": True}},
    )
    print(f"Prompt created: {prompt.id}")
    return prompt


if __name__ == "__main__":
    with Client() as client:
        main(client)
