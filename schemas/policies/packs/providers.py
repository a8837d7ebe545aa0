"""The pack ``providers``: data of a class goes to the providers that are named for it, and to no other."""

from typing import Final

TEXT: Final = r"""
name: providers
description: >-
  Data of the classes in values.guarded goes to the providers that values.providers names for the class. A class that
  has no list goes to none. At first it is what runs on machines of your own.
effects: allow
values:
  guarded: [secret, card, health]
  providers: {secret: [local], card: [local], health: [local]}

rules:
  - id: class
    at: model_call
    when: >-
      context.classes.exists(c, c in values.guarded
      && !(c in values.providers && model.provider in values.providers[c]))
    verdict: deny
    reason: the provider may not get data of this class; see values.providers

tests:
  - name: a secret
    at: model_call
    expect: deny
    rules: [class]
    facts: {provider: openai, context: user class:secret}
  - name: a card
    at: model_call
    expect: deny
    rules: [class]
    facts: {provider: openai, context: user class:card}
  - name: health
    at: model_call
    expect: deny
    rules: [class]
    facts: {provider: openai, context: web class:health}
  - name: a secret among others
    at: model_call
    expect: deny
    rules: [class]
    facts: {provider: openai, context: user class:secret class:own}
  - {name: an own model, at: model_call, expect: allow, facts: {provider: local, context: user class:card}}
  - {name: others, at: model_call, expect: allow, facts: {provider: openai, context: web class:pii}}
"""
