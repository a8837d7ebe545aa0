"""Area ``prompts``: prompts and evaluations. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from bench.prove.area import area_of
from bench.prove.prompts import evaluation_statistics, labels, rendering

PARTS = (rendering, labels, evaluation_statistics)


AREA = area_of("prompts", "prompts: templates, labels, evaluations", PARTS, judged_when_quick=True)
