"""The fold of quality: how scores of live answers change over time."""
