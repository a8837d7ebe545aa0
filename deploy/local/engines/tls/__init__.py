"""Encrypted connections to the engines of one machine: certificates, and TLS for servers that have none."""
