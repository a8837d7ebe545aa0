"""The bad tools under their names, as a package of a user registers them."""

from connectors.tools import function, tool
from tests.support import bad_tools

for _made_of in (bad_tools.good, bad_tools.raises, bad_tools.exits, bad_tools.exits_hard, bad_tools.kills_itself):
    function(f"bad.{_made_of.__name__}")(_made_of)
for _made_of in (bad_tools.loops, bad_tools.sleeps, bad_tools.crashes, bad_tools.next_of_nothing):
    function(f"bad.{_made_of.__name__}")(_made_of)
function("bad.takes_memory", memory_mb=256)(bad_tools.takes_memory)
function("bad.isolated_blocks", isolation="process")(bad_tools.blocks)
tool("bad.blocks")(bad_tools.blocks)
tool("bad.raises_in_task")(bad_tools.raises_in_task)
