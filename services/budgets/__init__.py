"""Budget definitions as each process knows them."""
