"""Use the dear model only where it is needed (the guide's "Cost-Optimized Data Processing").

.venv/bin/python examples/sdk/cost_optimized_processing.py "a text to analyse"
"""

import sys

from agentflow import Client, Workflow
from agentflow.models import RunAccepted

WORKFLOW = (
    Workflow("cost_optimized_processing")
    .version(1)
    # Pre-process with cheaper model
    .llm("preprocess", "text_processor@1")
    .quality("Bronze")
    .inputs(text="{{input_text}}")
    # Route based on complexity
    .function("route", "complexity_router", {"threshold": 0.8})
    .inputs(text="preprocess.output")
    .depends_on("preprocess")
    # Simple processing for low complexity
    .llm("simple_analyze", "simple_analyzer@1")
    .quality("Bronze")
    .inputs(text="preprocess.output")
    .condition("route.output.complexity < 0.8")
    .depends_on("route")
    # Complex processing for high complexity
    .llm("complex_analyze", "advanced_analyzer@3")
    .quality("Gold")
    .inputs(text="preprocess.output")
    .condition("route.output.complexity >= 0.8")
    .depends_on("route")
    # Merge results
    .function("merge", "result_merger", {"strategy": "priority"})
    .inputs(simple="simple_analyze.output", complex="complex_analyze.output", routing="route.output")
    .depends_on("simple_analyze", "complex_analyze")
    .end()
)


def main(client: Client, text: str) -> RunAccepted:
    """Register the workflow and submit a run."""
    client.workflows.register(WORKFLOW)
    return client.workflows.submit("cost_optimized_processing", {"input_text": text})


if __name__ == "__main__":
    with Client() as client:
        print(client.workflows.wait(main(client, sys.argv[1]).id).output)
