"""Marks that no language owns: turns of chat formats, headings of prompts, orders in comments."""

from typing import Final

from services.privacy.detect.rules import Family, Rule

_SYSTEM = "system|système|sistema|systeem|система|系统|システム"
FAMILY: Final = Family("injection")

MARK_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "injection/turn-mark",
        "injection",
        r"(?i)<\|? ?(?:im_start|im_end|im_sep|system|user|assistant|end|endoftext|eot_id|start_header_id|end_header_id|"
        r"begin_of_text|start_of_turn|end_of_turn|end_of_system) ?\|>|<(?:start|end)_of_turn>",
        0.9,
        family=FAMILY,
    ),
    Rule(
        "injection/turn-brackets",
        "injection",
        r"\[/?INST\]|<</?SYS>>|\[/?SYSTEM(?:_PROMPT)?\]|</?system(?:_prompt|-prompt| prompt)>|"
        r"\[AVAILABLE_TOOLS\]|\[TOOL_CALLS\]",
        0.85,
        family=FAMILY,
    ),
    Rule(
        "injection/heading",
        "injection",
        rf"(?im)^[ \t>]*#{{1,6}} ?(?:{_SYSTEM}|instruction|human|assistant)"
        r"(?: (?:prompt|message|override))? ?:",
        0.85,
        family=FAMILY,
    ),
    Rule(
        "injection/speaker",
        "injection",
        rf"(?im)^[ \t>]*(?:{_SYSTEM}) ?[:：] ?[^\n]{{0,60}}"
        r"(?:admin|ignor|user is|grant|you |nutzer|benutzer|utilisateur|usuario|usuário|utente|gebruiker|"
        r"użytkownik|пользовател|用户|ユーザー)",
        0.75,
        family=FAMILY,
    ),
    Rule(
        "injection/transcript",
        "injection",
        r"(?im)(?:^|\n)(?:human|user): ?[^\n]{1,200}\n+(?:assistant|ai|bot): ?(?:sure|of course|ok|okay|yes|certainly)",
        0.6,
        family=FAMILY,
    ),
    Rule(
        "injection/comment",
        "injection",
        r"(?i)(?:<!--|/\*|\{#|\[//\]: ?# ?\()[^\n>]{0,80}?"
        r"(?:\bai\b|assist[aeiou]nt|ассистент|асистент|asystent|\bki\b|\bia\b|ии-|llm|"
        r"language model|助手|アシスタント|\bgpt\b|人工智能)[^\n>]{8,}",
        0.8,
        family=FAMILY,
    ),
    Rule(
        "injection/prompt-block",
        "injection",
        r"(?i)(?:begin|start|end)(?: of)?(?: the)? (?:system )?prompt\b|\bsystem ?(?:override|prompt override)\b|"
        r"\badmin(?:istrator)? override\b|\bprompt injection (?:follows|payload)",
        0.7,
        family=FAMILY,
    ),
    Rule(
        "injection/role-json",
        "injection",
        r"""["']role["'] ?: ?["'](?:system|developer)["'] ?, ?["']content["'] ?:""",
        0.6,
        family=FAMILY,
    ),
    # Weak: people ask each other for something in a reply as well. It counts with another sign, or for strict policies.
    Rule(
        "injection/shapes-answer",
        "injection",
        r"(?i)\b(?:add|include|insert|append|prepend|replace|remove|delete|omit|write|mention|integrate|embed|incorporate|"
        r"introduce|rearrange|scramble|substitute|encode|translate|swap|end|begin|start|finish|convert|highlight|promote|"
        r"recommend|encourage|provide|place|put|use|misspell|reverse|alter|modify|change)\b[^.!?\n]*?\byour "
        r"(?:\w+ )?(?:response|answer|output)s?\b",
        0.45,
        family=FAMILY,
        trigger=r"(?i)your (?:\w+ )?(?:response|answer|output)",
    ),
)
