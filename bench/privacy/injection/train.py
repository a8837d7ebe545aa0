"""Trains the head of the small classifier: ``python -m bench.privacy.injection.train``.

Logistic regression over sentence vectors of MiniLM, by Newton's method. Attacks are those of the table ``known``; all
else are its look-alikes and windows of generated documents. The table ``held_out`` is not read.
"""

import json
import random
import sys
from typing import Any, Final

import numpy as np

from bench.privacy.clean_documents import clean_documents
from bench.privacy.injection import table
from connectors.embeddings.minilm import MiniLm
from services.privacy.detect.injection.classified import windows
from services.privacy.detect.injection.small import HEAD

#: Windows of documents at most, and how strongly weights are held to zero: chosen on halves of the table ``known``.
CLEAN: Final = 600
HOLD: Final = 1.0
_STEPS: Final = 25


def main() -> None:
    """Train, and write the head beside the classifier."""
    model, known = MiniLm(), table("known")
    attacks = [text for of in known.values() for text in of.attacks]
    clean = [text[start:end] for text in clean_documents(200, seed=7) for start, end in windows(text)]
    random.Random(1).shuffle(clean)  # noqa: S311 - the same parts each time
    others = [*(text for of in known.values() for text in of.look_alikes), *clean[:CLEAN]]
    weights, bias = fitted(np.array(model.vectors([*attacks, *others])), len(attacks))
    HEAD.write_text(json.dumps({"weights": [round(one, 3) for one in weights], "bias": round(bias, 3)}) + "\n", "utf-8")
    print(f"{len(attacks)} attacks, {len(others)} others: {HEAD.name}", file=sys.stderr)  # noqa: T201


def fitted(vectors: Any, positive: int) -> tuple[list[float], float]:
    """Return weights and bias; the first ``positive`` vectors are attacks. Both classes weigh the same."""
    count = len(vectors)
    rows = np.hstack([vectors * 10, np.ones((count, 1))])
    truth = np.arange(count) < positive
    share = np.where(truth, count / (2 * positive), count / (2 * (count - positive)))
    held = np.full(rows.shape[1], HOLD)
    held[-1] = 0.0
    found = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-(rows @ found)))
        slope = rows.T @ ((guess - truth) * share) + held * found
        curve = (rows * (guess * (1 - guess) * share)[:, None]).T @ rows + np.diag(held)
        found = found - np.linalg.solve(curve + 1e-9 * np.eye(len(found)), slope)
    return (found[:-1] * 10).tolist(), float(found[-1])


if __name__ == "__main__":
    main()
