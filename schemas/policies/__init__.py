"""Policies: documents that decide, by labels of data, what calls of tools and models, outputs and readers may do.

It is pure and works offline: workers, the API and `agentctl policy test` decide by the same code.
"""
