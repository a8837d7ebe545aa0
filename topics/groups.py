"""Names of consumer groups: each role reads as one group, which its offsets and its lag are stored under."""

PREFIX = "agentflow."


def group_of(role: str) -> str:
    """Return the consumer group of a role's processes."""
    return f"{PREFIX}{role}"
