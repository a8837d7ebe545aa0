"""Translate a text into several languages (the guide's "Multi-Language Translation").

.venv/bin/python examples/sdk/multi_lang_translation.py "Guten Tag"
"""

import sys

from agentflow import Client, Workflow
from agentflow.models import RunAccepted

WORKFLOW = (
    Workflow("multi_lang_translation")
    .version(1)
    # Detect language
    .llm("detect_lang", "language_detector@1")
    .inputs(text="{{input_text}}")
    # Translate to multiple languages
    .llm("translate_en", "translator@2")
    .inputs(text="{{input_text}}", target="en")
    .condition("detect_lang.output.language != 'en'")
    .depends_on("detect_lang")
    .llm("translate_es", "translator@2")
    .inputs(text="{{input_text}}", target="es")
    .depends_on("detect_lang")
    .llm("translate_fr", "translator@2")
    .inputs(text="{{input_text}}", target="fr")
    .depends_on("detect_lang")
    # Combine results
    .function("combine", "result_combiner", {"format": "json"})
    .inputs(
        original="{{input_text}}",
        english="translate_en.output",
        spanish="translate_es.output",
        french="translate_fr.output",
    )
    .depends_on("translate_en", "translate_es", "translate_fr")
    .end()
)


def main(client: Client, text: str) -> RunAccepted:
    """Register the workflow and submit a run."""
    client.workflows.register(WORKFLOW)
    return client.workflows.submit("multi_lang_translation", {"input_text": text})


if __name__ == "__main__":
    with Client() as client:
        print(client.workflows.wait(main(client, sys.argv[1]).id).output)
