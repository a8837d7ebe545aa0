"""A key acts in its own organisation alone (the guide's "Organization Isolation").

    .venv/bin/python examples/sdk/organization_isolation.py other-organisation

The server takes the organisation from the key; `org_id` only states which one the caller expects.
"""

import sys

from agentflow import Client
from agentflow.errors import Forbidden


def main(other: Client) -> str:
    """Try to submit a run in an organisation that the key does not belong to."""
    try:
        other.workflows.submit("document_analysis", {"document_key": "a.txt"})
    except Forbidden as exc:
        return f"access denied: {exc.detail}"
    return "submitted"


if __name__ == "__main__":
    with Client(org_id=sys.argv[1]) as other:
        print(main(other))
