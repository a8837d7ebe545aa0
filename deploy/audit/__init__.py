"""The supply chain: known vulnerabilities of what is installed, its licenses, and what builds of it say."""
