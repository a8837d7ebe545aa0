"""Ways to run AgentFlow: on one machine, in containers, on a cluster. Composition roots may import every layer."""
