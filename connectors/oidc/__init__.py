"""The issuer of tokens: its discovery document and its keys."""
