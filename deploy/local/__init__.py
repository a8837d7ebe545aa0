"""AgentFlow on one machine with nothing installed: embedded engines and the roles beside them."""
