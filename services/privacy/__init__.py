"""Privacy: what personal data is found, replaced, sealed and erased. See docs/explanation/erasure.md."""
