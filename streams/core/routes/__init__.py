"""The fold of route-outcomes: what each route was worth, by organisation, prompt and tier."""
