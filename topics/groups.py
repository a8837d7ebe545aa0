"""Names of consumer groups: each role reads as one group, by which its place in a topic and its lag are asked for."""

PREFIX = "agentflow."


def group_of(role: str) -> str:
    """Return the consumer group of a role's processes."""
    return f"{PREFIX}{role}"
