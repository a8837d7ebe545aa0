"""Routes of who may do what: keys, organisations, projects."""
