"""Replay: a run's recorded events through the very fold that decided it, with no effect of any kind.

It is part of the folds so that the SDK carries it: a run can be replayed where its records are, without a server.
"""
