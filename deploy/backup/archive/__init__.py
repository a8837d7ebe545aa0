"""Parts of a backup and what is said of them: places, manifest, chain, and the pure rules of the log."""
