"""What prompts are and how they are judged."""
