"""The pack ``ai_act``: records and oversight for runs of systems that are high-risk. It is no legal advice."""

from typing import Final

TEXT: Final = r"""
name: ai_act
description: >-
  Runs with the tag `ai_act` and a value of values.high_risk are those of a high-risk system. Each call of a model and
  of a tool, each answer and each reading of theirs is recorded. A person says yes before each effect.
effects: allow
values:
  high_risk: [high_risk]

rules:
  - id: model_calls
    at: model_call
    when: has(tags.ai_act) && tags.ai_act in values.high_risk
    verdict: record
    reason: a high-risk system asks a model
  - id: tool_calls
    at: tool_call
    when: has(tags.ai_act) && tags.ai_act in values.high_risk
    verdict: record
    reason: a high-risk system calls a tool
  - id: outputs
    at: output
    when: has(tags.ai_act) && tags.ai_act in values.high_risk
    verdict: record
    reason: a high-risk system answers
  - id: readings
    at: read
    when: has(tags.ai_act) && tags.ai_act in values.high_risk
    verdict: record
    reason: data of a high-risk system was read
  - id: oversight
    at: tool_call
    when: tool.effects && has(tags.ai_act) && tags.ai_act in values.high_risk
    verdict: ask
    reason: a person oversees the effects of a high-risk system

tests:
  - name: a model of a high-risk system
    at: model_call
    expect: allow
    rules: [model_calls]
    facts: {provider: openai, tags: {ai_act: high_risk}}
  - {name: a model of another one, at: model_call, expect: allow, facts: {provider: openai, tags: {ai_act: minimal}}}
  - {name: a model of one without a tag, at: model_call, expect: allow, facts: {provider: openai}}
  - name: a tool that reads
    at: tool_call
    expect: allow
    rules: [tool_calls]
    facts: {tool: {name: search}, tags: {ai_act: high_risk}}
  - {name: a tool of another one, at: tool_call, expect: allow, facts: {tool: {name: search}, tags: {ai_act: minimal}}}
  - {name: a tool without a tag, at: tool_call, expect: allow, facts: {tool: {name: search}}}
  - name: an answer
    at: output
    expect: allow
    rules: [outputs]
    facts: {value: yes, tags: {ai_act: high_risk}}
  - {name: an answer of another one, at: output, expect: allow, facts: {value: yes, tags: {ai_act: minimal}}}
  - {name: an answer without a tag, at: output, expect: allow, facts: {value: yes}}
  - name: a reading
    at: read
    expect: allow
    rules: [readings]
    facts: {reader: ann, tags: {ai_act: high_risk}}
  - {name: a reading of another one, at: read, expect: allow, facts: {reader: ann, tags: {ai_act: minimal}}}
  - {name: a reading without a tag, at: read, expect: allow, facts: {reader: ann}}
  - name: an effect
    at: tool_call
    expect: ask
    rules: [oversight, tool_calls]
    facts: {tool: {name: act, effects: true}, tags: {ai_act: high_risk}}
  - name: an effect of another one
    at: tool_call
    expect: allow
    facts: {tool: {name: act, effects: true}, tags: {ai_act: minimal}}
  - {name: an effect without a tag, at: tool_call, expect: allow, facts: {tool: {name: act, effects: true}}}
"""
