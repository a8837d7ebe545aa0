"""Limits of one rendering. They bound its time and memory whatever the values are."""

#: Characters of a rendered text. The largest context windows of models take about half of it.
MAX_OUTPUT = 16 * 1024 * 1024
#: Items that the sections of one rendering go over, and parts in it, all together: nested ones multiply.
MAX_ITEMS = 100_000
#: Sections inside of one another in a template.
MAX_NESTING = 32
#: Parts and sections inside of one another while rendering. A cycle of parts ends here.
MAX_DEPTH = 64
#: Characters of one filter's result that a template's author chooses: `indent`, `truncate`.
MAX_WIDTH = 1_000_000
#: Errors of one template that are reported.
MAX_ERRORS = 20
