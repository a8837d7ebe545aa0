"""The next commands after a start, ready to be pasted."""

from pathlib import Path

from deploy.local.screen import shown
from deploy.local.system import ORG, System
from topics.catalogue import submissions_topic


def instructions(system: System, *, registered: bool) -> str:
    """Return them; ``registered`` says whether the sample's workflows are there to be run."""
    key = f'-H "Authorization: Bearer $(cat {shown(system.data_dir / "api-key")})"'
    first = _submit(system, key) if registered else _register(system, key)
    return f"""
{first}
and read your runs:

  curl -s {system.api_url}/api/v1/workflows/runs {key}

docs/tutorial/first-workflow.md leads to a workflow of your own. Logs are in {shown(system.data_dir / "logs")}.
Documentation of the API: {system.api_url}/docs. Ctrl-C stops everything; the data stays."""


def _submit(system: System, key: str) -> str:
    body = '{"workflow_name": "document_analysis", "inputs": {"document_key": "gettysburg.txt"}}'
    inputs = '{"document_key": "gettysburg.txt"}'
    return f"""Submit a run over HTTP; the same Idempotency-Key again answers with the same run:

  curl -s {system.api_url}/api/v1/workflows/runs {key} \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-run' \\
    -d '{body}'

or by producing a record to {submissions_topic(ORG)}:

  .venv/bin/python examples/submit_over_kafka.py --bootstrap {system.stack.endpoints.kafka_bootstrap} --org {ORG} \\
    --workflow document_analysis --inputs '{inputs}'
"""


def _register(system: System, key: str) -> str:
    prompt, workflow = Path("examples/prompts/document_analyzer.yaml"), "examples/workflows/document_analysis.yaml"
    yaml = "-H 'Content-Type: application/yaml'"
    return f"""Register a prompt and a workflow:

  curl -s {system.api_url}/api/v1/prompts {key} {yaml} --data-binary @{prompt}
  curl -s {system.api_url}/api/v1/workflows {key} {yaml} --data-binary @{workflow}

{_submit(system, key)}"""
