"""What the figures of prompts are measured with: malformed templates and hostile values, made from a seed."""
