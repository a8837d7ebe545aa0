"""Routes of money: budgets, stops, prices, bills, savings."""
