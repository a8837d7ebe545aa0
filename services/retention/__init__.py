"""How long runs are kept, what keeps them longer, and how they are deleted."""
