"""Pure folds: (state, event) -> (state, commands). No I/O, no clock, no randomness, no await."""
