"""Submit a run over HTTP and wait for its end.

    .venv/bin/python examples/submit_over_http.py --workflow document_analysis \\
        --inputs '{"document_key": "gettysburg.txt"}'
    .venv/bin/python examples/submit_over_http.py --workflow map_reduce_analysis \\
        --text-file examples/documents/opticks.txt

The key comes from ``API_KEY`` or ``--key``. Needs ``httpx``.
"""

import argparse
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

ENDED = ("succeeded", "failed", "canceled")
POLL_S = 0.3


def submission(args: argparse.Namespace) -> dict[str, Any]:
    """Return the request's body."""
    inputs: dict[str, Any] = json.loads(args.inputs)
    if args.text_file:
        inputs["text"] = Path(args.text_file).read_text(encoding="utf-8")
    return {"workflow_name": args.workflow, "inputs": inputs, "tags": dict(args.tag)}


def submit(client: httpx.Client, body: dict[str, Any], submission_id: str) -> dict[str, Any]:
    """Submit a run. The same id with the same body is the same run, so this may be repeated without harm."""
    headers = {"Idempotency-Key": submission_id}
    while True:
        answer = client.post("/api/v1/workflows/runs", json=body, headers=headers)
        if answer.status_code not in (429, 503):
            break
        wait_s = float(answer.headers.get("Retry-After", "1"))
        print(f"busy, again in {wait_s:g} s", file=sys.stderr)
        time.sleep(wait_s)
    if answer.is_error:
        sys.exit(f"refused with {answer.status_code}: {answer.text}")
    accepted: dict[str, Any] = answer.json()
    return accepted


def wait(client: httpx.Client, path: str) -> dict[str, Any]:
    """Ask for a run until it has ended."""
    while True:
        run: dict[str, Any] = client.get(path).raise_for_status().json()
        if run["status"] in ENDED:
            return run
        time.sleep(POLL_S)


def tag(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    return key, value


def main() -> int:
    """Submit what the command line says; 0 when the run succeeded."""
    parser = argparse.ArgumentParser(description="Submit a run over HTTP and wait for its end.")
    parser.add_argument("--url", default=os.environ.get("AGENTFLOW_URL", "http://127.0.0.1:8080"))
    parser.add_argument("--key", default=os.environ.get("API_KEY", ""), help="the API key; default: API_KEY")
    parser.add_argument("--workflow", required=True)
    parser.add_argument("--inputs", default="{}", help="the run's inputs, a JSON object")
    parser.add_argument("--text-file", help="a file whose text becomes the input 'text'")
    parser.add_argument("--tag", type=tag, action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--id", default=str(uuid.uuid4()), help="the submission's id; default: a new one")
    args = parser.parse_args()
    auth = {"Authorization": f"Bearer {args.key}"} if args.key else {}
    with httpx.Client(base_url=args.url, headers=auth, timeout=30) as client:
        accepted = submit(client, submission(args), args.id)
        print(f"run {accepted['id']}{' (known already)' if accepted.get('duplicate') else ''}", file=sys.stderr)
        run = wait(client, accepted["links"]["self"])
    print(json.dumps({name: run.get(name) for name in ("id", "status", "cost_usd", "output", "error")}, indent=2))
    return 0 if run["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
