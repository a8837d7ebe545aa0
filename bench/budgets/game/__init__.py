"""The game of money: many callers spend one dollar while processes and Redis die under them."""
