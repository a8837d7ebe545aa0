"""The pack ``privacy-strict``: no personal data and no secret in the log, for providers, in traces or in the cache."""

from typing import Final

TEXT: Final = r"""
name: privacy-strict
description: >-
  Personal data becomes tokens before it is in any log, and secrets are masked. Links that carry data away are refused
  in answers, invisible text in inputs. Tokens are put back for nobody until the policy says for whom.
effects: allow
privacy:
  redact:
    - {id: secrets, classes: [secret], action: mask, at: [log, provider, trace, cache]}
    - id: people
      kinds: [email, phone, card, iban, bank_account, ssn, national_id, passport, driver_license, ip, mac,
        date_of_birth, address, name]
      action: token
      at: [log, provider, trace, cache]
  influence:
    - {id: carried, kinds: [exfiltration], at: [answer], threshold: 0.6, action: deny}
    - {id: unseen, kinds: [invisible], at: [input, tool_result], threshold: 0.8, action: deny}
    - {id: steered, kinds: [injection, exfiltration, invisible], at: [input, tool_result, answer], threshold: 0.5}

tests:
  - name: a key in an input
    at: privacy
    expect: redact
    rules: [secrets]
    facts: {kind: private_key, where: log, node: ""}
  - name: an address in the log
    at: privacy
    expect: redact
    rules: [people]
    facts: {kind: email, where: log}
  - name: a name in the cache
    at: privacy
    expect: redact
    rules: [people]
    facts: {kind: name, where: cache}
  - name: an answer that carries data away
    at: privacy
    expect: deny
    rules: [carried, steered]
    facts: {kind: exfiltration, confidence: 0.6, text: answer}
  - name: such a link in a page is labelled
    at: privacy
    expect: allow
    rules: [steered]
    facts: {kind: exfiltration, confidence: 0.9, text: tool_result}
  - name: invisible text in an input
    at: privacy
    expect: deny
    rules: [unseen]
    facts: {kind: invisible, confidence: 0.9, text: input, node: ""}
  - name: a copied joiner
    at: privacy
    expect: allow
    rules: [steered]
    facts: {kind: invisible, confidence: 0.6, text: input}
"""
