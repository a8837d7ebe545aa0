"""Build a workflow, register it, submit a run (the guide's "Creating and Submitting Workflows").

.venv/bin/python examples/sdk/document_analysis.py
"""

from agentflow import Client, Workflow
from agentflow.models import RunAccepted

WORKFLOW = (
    Workflow("document_analysis")
    .version(1)
    .tool("ingest", "s3.fetch", {"bucket": "documents", "key": "{{document_key}}"})
    .llm("analyze", "document_analyzer@3")
    .quality("Gold")
    .sla(seconds=30)
    .inputs(content="ingest.output")
    .depends_on("ingest")
    .end()
)


def main(client: Client, document_key: str = "declaration-of-independence.txt") -> RunAccepted:
    """Register the workflow and submit a run that may spend ten dollars."""
    client.workflows.register(WORKFLOW)
    run = client.workflows.submit("document_analysis", {"document_key": document_key}, budget_cents=1000)
    print(f"Workflow submitted: {run.id}")
    return run


if __name__ == "__main__":
    with Client() as client:
        print(client.workflows.wait(main(client).id).output)
