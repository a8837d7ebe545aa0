"""AgentDojo through real runs: its tools are registered, its tasks are runs of an agent, its model is a script.

The package itself lives in an environment of its own, and so does the process with its worlds (``world``), which the
tools of workers and their model call over HTTP. Nothing of its text is in this repository.
"""
