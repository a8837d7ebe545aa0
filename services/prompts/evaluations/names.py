"""Names that the workflow of an evaluation and the functions in it share."""

SCORES = "scores"
SCORES_FUNCTION = "evaluation_scores"
