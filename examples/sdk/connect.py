"""Connect to the API (the guide's "Basic Setup").

AGENTFLOW_ENDPOINT=http://localhost:8080 AGENTFLOW_TOKEN=... .venv/bin/python examples/sdk/connect.py
"""

from agentflow import Client


def main(client: Client) -> str:
    """Say whether the API is ready."""
    # The same without the environment: Client(base_url="http://localhost:8080", token="your-api-key", org_id="acme")
    return client.system.ready().status


if __name__ == "__main__":
    with Client() as client:
        print(main(client))
