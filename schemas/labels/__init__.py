"""Labels of data: how far it is to be trusted, what it holds, who may read it, and where it comes from."""
