"""``agentctl doctor``: facts about a system, and a table of checks that find problems in them."""
