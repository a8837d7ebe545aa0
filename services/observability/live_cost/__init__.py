"""Live cost: what is settled and what is held, second by second, by organisation, workflow, provider and model."""
