"""Dead letters: their headers, the topic they are read from, and the operator's commands."""
