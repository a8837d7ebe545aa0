"""The audit log: its Merkle tree, proofs, signed checkpoints, and exports that are verified without a server."""
