"""The pack ``soc2``: controls in the style of SOC 2. It is evidence for an audit, and no attestation."""

from typing import Final

TEXT: Final = r"""
name: soc2
description: >-
  Effects that untrusted content has part in need a person's yes. Calls of tools with effects, and readings of
  confidential data (values.confidential), are recorded. Secrets go to models of this installation only; confidential
  data to providers that have a SOC 2 report and do not train on it.
effects: allow
values:
  confidential: [confidential, secret, pii]
compliance:
  providers: {secret: [local]}
  no_training: [confidential, secret]
  certifications: {confidential: [soc2]}

rules:
  - id: untrusted_effects
    at: tool_call
    when: tool.effects && (context.integrity > USER || control.integrity > USER)
    verdict: ask
    reason: content that is not trusted has part in an effect
  - id: tool_calls
    at: tool_call
    when: tool.effects
    verdict: record
    reason: a tool with effects is called
  - id: readers
    at: read
    when: output.classes.exists(c, c in values.confidential)
    verdict: record
    reason: confidential data was read

tests:
  - name: an effect after a page was read
    at: tool_call
    expect: ask
    rules: [untrusted_effects]
    facts: {tool: {name: act, effects: true}, context: web}
  - name: an effect after a known system's data was read
    at: tool_call
    expect: ask
    rules: [untrusted_effects]
    facts: {tool: {name: act, effects: true}, context: third_party}
  - name: an effect that a page decided
    at: tool_call
    expect: ask
    rules: [untrusted_effects]
    facts: {tool: {name: act, effects: true}, control: web}
  - name: an effect that a known system's data decided
    at: tool_call
    expect: ask
    rules: [untrusted_effects]
    facts: {tool: {name: act, effects: true}, control: third_party}
  - name: an effect of a user's data is recorded
    at: tool_call
    expect: allow
    rules: [tool_calls]
    facts: {tool: {name: act, effects: true}, context: user, control: user}
  - name: a reading tool is free
    at: tool_call
    expect: allow
    facts: {tool: {name: search}, context: web, control: web}
  - name: confidential data is read
    at: read
    expect: allow
    rules: [readers]
    facts: {reader: ann, label: user class:confidential class:own}
  - {name: other data is read, at: read, expect: allow, facts: {reader: ann, label: user class:own}}
  - name: a secret at a provider
    at: model_call
    expect: deny
    rules: [compliance/providers.secret]
    facts: {provider: openai, training: false, context: user class:secret}
  - name: a secret at home
    at: model_call
    expect: allow
    facts: {provider: local, training: false, context: user class:secret}
  - name: a secret to train on
    at: model_call
    expect: deny
    rules: [compliance/no_training.secret]
    facts: {provider: local, training: true, context: user class:secret}
  - name: confidential data to train on
    at: model_call
    expect: deny
    rules: [compliance/no_training.confidential]
    facts: {provider: openai, training: true, certifications: [soc2], context: user class:confidential}
  - name: confidential data at a provider without a report
    at: model_call
    expect: deny
    rules: [compliance/certifications.confidential]
    facts: {provider: openai, training: false, certifications: [iso27001], context: user class:confidential}
  - name: confidential data at a provider with one
    at: model_call
    expect: allow
    facts: {provider: openai, training: false, certifications: [iso27001, soc2], context: user class:confidential}
"""
