"""Policy replay: recorded calls under another policy, beside what they were. Pure, but for ``replays``, which reads."""
