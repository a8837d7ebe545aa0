"""Names that the workflow of an evaluation, the functions in it, and readers of its output share."""

CANDIDATE, BASELINE = "candidate", "baseline"
#: Nodes: what scores; pairs of answers for judges; answers in rows for scorers that users wrote.
SCORES, PAIRS, ROWS = "scores", "pairs", "rows"
SCORES_FUNCTION = "evaluation_scores"
PAIRS_FUNCTION = "evaluation_pairs"
ROWS_FUNCTION = "evaluation_rows"
#: Kinds of scorers that are no pure function of case and answer: what they need is a node, or a step's row.
ELSEWHERE = frozenset({"custom", "llm_judge", "latency", "cost"})
