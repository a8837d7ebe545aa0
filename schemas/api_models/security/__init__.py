"""Requests and answers about policies."""
