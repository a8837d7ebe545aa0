"""Commands about money: budgets, usage, prices, quotas, limits, stops, caches and batches."""
