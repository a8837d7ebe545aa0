"""What runs did and why: traces, and what is made of them."""
