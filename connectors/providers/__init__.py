"""Model providers: each file speaks to one kind of them."""
