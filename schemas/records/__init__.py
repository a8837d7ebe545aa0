"""The records on the topics, one family a module. Each carries ``v``, ``major.minor`` of its shape."""
