"""How a worker is made: what its parts share, the definitions that it follows, its model calls, its executor."""
