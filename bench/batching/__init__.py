"""Batched calls against local servers of both wires, with processes that die."""
