"""Budgets under the eyes of a brute-force oracle: windows, spend against a limit, forecasts."""
