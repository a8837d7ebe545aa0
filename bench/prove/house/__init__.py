"""Area ``house``: how the code itself is built, read from the source. The same on every machine."""

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from bench.lines import Line, percentile
from bench.prove.area import Aim, Area, at_least, at_most, between, line_of
from bench.prove.house import nets
from bench.prove.house.code import FunctionFacts, ModuleFacts, largest_folder, modules_in
from bench.prove.house.imports import cycles, imports_of, layers_of, upward
from bench.results import ROOT
from deploy.local.engines.progress import Progress

PACKAGES = ("schemas", "topics", "connectors", "services", "streams", "api", "deploy", "bench")
SMALL_MODULE, LONG_FUNCTION, MANY_PARAMETERS = 40, 40, 6

AIMS = (
    Aim("imports_upward", "imports", at_most(0), at_most(0)),
    Aim("import_cycles", "cycles", at_most(0), at_most(0)),
    Aim("largest_flat_folder", "modules", at_most(20), at_most(20)),
    Aim("module_lines_median", "lines", between(90, 130), between(90, 130)),
    Aim("modules_under_40_lines", "%", at_most(22), at_most(15)),
    # Functions stay as short as they were at the commit of moves.
    Aim("function_lines_median", "lines", at_most(8), at_most(6)),
    Aim("function_lines_p95", "lines", at_most(22), at_most(20)),
    Aim("function_lines_max", "lines", at_most(85), at_most(40)),
    Aim("functions_over_40_lines", "functions", at_most(5), at_most(0)),
    Aim("functions_over_6_parameters", "functions", at_most(27), at_most(10)),
    Aim("constructor_lines_max", "lines", at_most(59), at_most(30)),
    # An implementation of a protocol needs no docstring, so all would be too many.
    Aim("public_functions_documented", "%", at_least(80), at_least(90)),
    Aim("comment_lines", "%", at_least(1.0), at_least(3)),
    Aim("any_per_1000_lines", "uses", at_most(13), at_most(7)),
    Aim("casts", "calls", at_most(23), at_most(10)),
    Aim("type_ignores", "comments", at_most(18), at_most(9)),
    Aim("commit_subjects_over_72", "commits", at_most(0), at_most(0)),
    Aim("golden_histories", "histories", at_least(21), at_least(21)),
    Aim("where_rows", "rows", at_least(20), at_least(20)),
    # 13 that were there, the ten that are listed, and 25 more.
    Aim("mistakes_found_by_simulation", "mistakes", at_least(48), at_least(48)),
)
_line = partial(line_of, AIMS)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Read the source; unless ``quick``, play the planted mistakes too. Raises ``BenchError``."""
    progress("house: reading the source")
    modules = modules_in(ROOT, PACKAGES)
    lines = [*_imports(), *_modules(modules), *_functions(modules), *_types(modules), *_around()]
    if quick:
        return lines
    progress("simulation: every planted mistake by its seed")
    found, planted, missed = nets.found_by_simulation(ROOT)
    note = f"of {planted}; not found: {', '.join(missed) or 'none'}"
    return [*lines, _line("mistakes_found_by_simulation", found, note)]


def _imports() -> Iterator[Line]:
    imports = imports_of(PACKAGES)
    up, circles = upward(imports, layers_of(ROOT / "pyproject.toml")), cycles(imports)
    yield _line("imports_upward", len(up), ", ".join(f"{one} -> {other}" for one, other in up[:5]))
    yield _line("import_cycles", len(circles), "; ".join(" <- ".join(circle) for circle in circles[:3]))


def _modules(modules: Sequence[ModuleFacts]) -> Iterator[Line]:
    folder, count = largest_folder(modules)
    # A package's own file mostly holds one sentence about it.
    sizes = [module.lines for module in modules if module.path.name != "__init__.py"]
    yield _line("largest_flat_folder", count, folder)
    yield _line("module_lines_median", statistics.median(sizes), f"{len(sizes)} modules, the longest {max(sizes)}")
    yield _line("modules_under_40_lines", 100 * sum(size < SMALL_MODULE for size in sizes) / len(sizes))


def _functions(modules: Sequence[ModuleFacts]) -> Iterator[Line]:
    functions = list(chain.from_iterable(module.functions for module in modules))
    sizes = [function.lines for function in functions]
    constructors = [function.lines for function in functions if function.is_constructor]
    yield _line("function_lines_median", statistics.median(sizes), f"{len(sizes)} functions")
    yield _line("function_lines_p95", percentile(sizes, 0.95))
    yield _line("function_lines_max", max(sizes), max(functions, key=lambda function: function.lines).name)
    yield _line("functions_over_40_lines", sum(size > LONG_FUNCTION for size in sizes))
    yield _line("functions_over_6_parameters", sum(f.parameters > MANY_PARAMETERS for f in functions))
    yield _line("constructor_lines_max", max(constructors, default=0))
    yield _line("public_functions_documented", _documented(functions))


def _documented(functions: Sequence[FunctionFacts]) -> float:
    public = [function for function in functions if function.is_public]
    return 100 * sum(function.has_docstring for function in public) / len(public)


def _types(modules: Sequence[ModuleFacts]) -> Iterator[Line]:
    total = sum(module.lines for module in modules)
    yield _line("comment_lines", 100 * sum(module.comment_lines for module in modules) / total)
    yield _line("any_per_1000_lines", 1_000 * sum(module.anys for module in modules) / total)
    yield _line("casts", sum(module.casts for module in modules))
    yield _line("type_ignores", sum(module.ignores for module in modules))


def _around() -> Iterator[Line]:
    subjects = nets.long_subjects(ROOT)
    yield _line("commit_subjects_over_72", len(subjects), "; ".join(subjects[:3]))
    yield _line("golden_histories", nets.golden_histories(ROOT), "each replayed to the same decisions")
    yield _line("where_rows", nets.rows_of_where(ROOT))


AREA = Area("house", "how the code is built, from its source", AIMS, measure, judged_when_quick=True)
