"""The process with the worlds of a benchmark: their tools, the scripted model, and the judgement of what was done.

It runs in the environment of the package ``agentdojo``, so it imports that and the standard library alone.
"""
