"""``python -m agentflow.cli``."""

from agentflow.cli.main import run

if __name__ == "__main__":
    run()
