"""Policies at work: what they are asked before an effect, what follows from a ruling, and the records of decisions."""
