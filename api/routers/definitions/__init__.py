"""Routes of what runs are made of: workflows, prompts, schedules, tools."""
