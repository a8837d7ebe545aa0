"""Moderate what users wrote (the guide's "Content Moderation Pipeline").

.venv/bin/python examples/sdk/content_moderation.py user-upload-123
"""

import sys

from agentflow import Client, Workflow
from agentflow.models import RunAccepted

WORKFLOW = (
    Workflow("content_moderation")
    .version(1)
    # Ingest content
    .tool("ingest", "s3.fetch", {"bucket": "user-content", "key": "{{content_id}}"})
    # Classify content type
    .llm("classify", "content_classifier@2")
    .inputs(content="ingest.output")
    .depends_on("ingest")
    # Moderate based on type
    .llm("moderate", "moderation_engine@1")
    .inputs(content="ingest.output", type="classify.output.type")
    .quality("Gold")
    .depends_on("classify")
    # Store results
    .tool(
        "store",
        "s3.put",
        {"bucket": "moderation-results", "key": "{{content_id}}/result.json", "body": "moderate.output"},
    )
    .depends_on("moderate")
    .end()
)


def main(client: Client, content_id: str) -> RunAccepted:
    """Register the workflow and submit a run."""
    client.workflows.register(WORKFLOW)
    return client.workflows.submit("content_moderation", {"content_id": content_id})


if __name__ == "__main__":
    with Client() as client:
        print(client.workflows.wait(main(client, sys.argv[1]).id).output)
