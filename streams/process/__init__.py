"""One operating-system process with its roles: start, health, metrics, exit."""
