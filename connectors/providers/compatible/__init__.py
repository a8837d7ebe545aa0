"""Services with OpenAI's chat completions, whoever runs them."""
