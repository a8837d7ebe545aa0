"""What labels the data of a workflow may have, found from its document before any run, and what that may break."""
