"""``agentctl prompt``."""

from agentflow.cli.commands.prompts import differences, pull, push, registry
from agentflow.cli.options import group

command = group("prompt", "Create and list versions of prompts; keep them as files.")
for _module in (registry, pull, push, differences):
    for _one in _module.COMMANDS:
        command.add_command(_one)
