"""``make bench``: figures of the whole system, each with its comparison in the same run."""
