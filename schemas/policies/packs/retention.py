"""The pack ``retention``: who keeps data for long, or trains on it, does not get data of some classes."""

from typing import Final

TEXT: Final = r"""
name: retention
description: >-
  Data of a class that values.days names goes to providers that keep it for no more days than that. Private data goes to
  none that trains models on it. What is not known of a provider counts as the worst.
effects: allow
values:
  days: {pii: 30, secret: 0, health: 0, card: 0}
  untrained: [pii, secret, health, card]

rules:
  - id: days
    at: model_call
    when: context.classes.exists(c, c in values.days && !(model.retention <= values.days[c]))
    verdict: deny
    reason: the provider keeps data of this class for too long; see values.days
  - id: training
    at: model_call
    when: context.classes.exists(c, c in values.untrained && model.training)
    verdict: deny
    reason: the provider trains models on what it reads, and data of this class is in it

tests:
  - name: too long
    at: model_call
    expect: deny
    rules: [days]
    facts: {provider: openai, retention: 90, training: false, context: user class:pii}
  - name: short enough
    at: model_call
    expect: allow
    facts: {provider: openai, retention: 30, training: false, context: user class:pii}
  - name: too long for some of it
    at: model_call
    expect: deny
    rules: [days]
    facts: {provider: openai, retention: 90, training: false, context: user class:pii class:own}
  - name: training on some of it
    at: model_call
    expect: deny
    rules: [training]
    facts: {provider: openai, retention: 0, training: true, context: user class:pii class:own}
  - name: not known
    at: model_call
    expect: deny
    rules: [days, training]
    facts: {provider: openai, context: user class:pii}
  - name: training
    at: model_call
    expect: deny
    rules: [training]
    facts: {provider: openai, retention: 0, training: true, context: user class:secret}
  - name: other data
    at: model_call
    expect: allow
    facts: {provider: openai, context: user class:own}
"""
