"""Names that the workflow of an evaluation, the functions in it, and readers of its output share."""

CANDIDATE, BASELINE = "candidate", "baseline"
#: The node that scores, whose output is the run's.
SCORES = "scores"
SCORES_FUNCTION = "evaluation_scores"
QUESTIONS_FUNCTION = "evaluation_questions"
#: Kinds of scorers that are asked in nodes of their own, and those that need the step of an answer.
ASKED = frozenset({"custom", "llm_judge"})
MEASURED = frozenset({"latency", "cost"})
