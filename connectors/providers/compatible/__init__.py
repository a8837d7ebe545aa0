"""Services of any vendor with OpenAI's chat completions."""
