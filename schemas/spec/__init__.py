"""The workflow document: its model, how it is read and hashed, its conditions and references."""
