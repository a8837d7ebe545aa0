"""Answers about money: prices, bills, savings."""
