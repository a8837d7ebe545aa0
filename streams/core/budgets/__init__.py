"""The fold of cost-events: what was spent per budget window."""
