"""Area ``prompts``: prompts and evaluations. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from bench.prove.area import area_of
from bench.prove.prompts import evaluation_runs, evaluation_statistics, files, labels, live_judges, rendering

PARTS = (rendering, labels, files, evaluation_statistics, evaluation_runs, live_judges)


AREA = area_of("prompts", "prompts: templates, labels, files, evaluations", PARTS, judged_when_quick=True)
