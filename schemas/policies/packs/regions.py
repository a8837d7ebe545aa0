"""The pack ``regions``: data of a class is read in the regions that are named for it."""

from typing import Final

TEXT: Final = r"""
name: regions
description: >-
  Data of a class that values.regions names is read by models in one of its regions. A provider whose region is not
  known gets none of it.
effects: allow
values:
  regions: {pii: [eu], health: [eu]}

rules:
  - id: region
    at: model_call
    when: context.classes.exists(c, c in values.regions && !(model.region in values.regions[c]))
    verdict: deny
    reason: the model is in another region than data of this class may be in; see values.regions

tests:
  - name: another region
    at: model_call
    expect: deny
    rules: [region]
    facts: {provider: openai, region: us, context: user class:pii}
  - name: another region for some of it
    at: model_call
    expect: deny
    rules: [region]
    facts: {provider: openai, region: us, context: user class:pii class:own}
  - name: no known region
    at: model_call
    expect: deny
    rules: [region]
    facts: {provider: openai, context: user class:health}
  - {name: the region, at: model_call, expect: allow, facts: {provider: openai, region: eu, context: user class:pii}}
  - {name: other data, at: model_call, expect: allow, facts: {provider: openai, context: user class:own}}
"""
