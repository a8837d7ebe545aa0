"""``agentctl workflow``."""

from agentflow.cli.commands.workflows import again, definitions, runs, submit
from agentflow.cli.options import group

command = group("workflow", "Register workflows; submit, follow, cancel and repeat runs.")
for _module in (submit, runs, again, definitions):
    for _one in _module.COMMANDS:
        command.add_command(_one)
