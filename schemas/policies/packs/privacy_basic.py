"""The pack ``privacy-basic``: secrets are masked everywhere, and providers get tokens in place of personal data."""

from typing import Final

TEXT: Final = r"""
name: privacy-basic
description: >-
  Secrets are masked in the log, for providers, in traces and in the cache. Personal data becomes tokens before a
  provider reads it, and in traces; the log keeps it. What steers a model in the result of a tool is labelled.
effects: allow
privacy:
  redact:
    - {id: secrets, classes: [secret], action: mask, at: [log, provider, trace, cache], min_confidence: 0.6}
    - id: people
      kinds: [email, phone, card, iban, bank_account, ssn, national_id, passport, driver_license, date_of_birth]
      action: token
      at: [provider, trace, cache]
  influence:
    - {id: steered, kinds: [injection, exfiltration, invisible], at: [input, tool_result], threshold: 0.6}

tests:
  - name: a key in an input
    at: privacy
    expect: redact
    rules: [secrets]
    facts: {kind: api_key, where: log, node: ""}
  - name: a key that may be none
    at: privacy
    expect: allow
    facts: {kind: entropy, confidence: 0.5}
  - name: a password before a provider
    at: privacy
    expect: redact
    rules: [secrets]
    facts: {kind: password, where: provider}
  - name: an address before a provider
    at: privacy
    expect: redact
    rules: [people]
    facts: {kind: email, where: provider}
  - name: a card in a trace
    at: privacy
    expect: redact
    rules: [people]
    facts: {kind: card, where: trace}
  - name: an address in the log
    at: privacy
    expect: allow
    facts: {kind: email, where: log}
  - name: a link is no person
    at: privacy
    expect: allow
    facts: {kind: url, where: provider}
  - name: orders in a page
    at: privacy
    expect: allow
    rules: [steered]
    facts: {kind: injection, confidence: 0.7, text: tool_result}
"""
