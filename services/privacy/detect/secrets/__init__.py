"""Secrets in texts: keys by their published shapes, tokens, private keys, connection strings, passwords."""
