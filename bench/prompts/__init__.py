"""What the lines of prompts measure."""
