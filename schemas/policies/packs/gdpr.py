"""The pack ``gdpr``: personal data is minimised, stays in the EU, and is read by few. It is no legal advice."""

from typing import Final

TEXT: Final = r"""
name: gdpr
description: >-
  Personal data goes to models in the EU, or in this installation, whose providers keep it for 30 days at most and do
  not train on it. Special categories (values.special) go to no provider outside of this installation. Card numbers and
  secrets are hidden from models. Readers of personal data are administrators, or named in values.readers; each reading
  is recorded.
effects: allow
values:
  special: [health, biometric, religion, union, orientation, conviction]
  personal: [pii, card, health, biometric, religion, union, orientation, conviction]
  readers: []
compliance:
  residency: {pii: [eu], health: [eu]}
  retention: {pii: 30, health: 30}
  no_training: [pii, health, card]

rules:
  - id: special_categories
    at: model_call
    when: >-
      context.classes.exists(c, c in values.special)
      && !(has(model.regions) && model.regions.all(r, r == 'own'))
    verdict: deny
    reason: special categories of personal data leave to no provider; see values.special
  - id: identifiers
    at: model_call
    when: context.classes.exists(c, c == 'card' || c == 'secret')
    verdict: redact
    redact_classes: [card, secret]
    reason: a model needs no card numbers and no secrets
  - id: readers
    at: read
    when: >-
      output.classes.exists(c, c in values.personal)
      && !('admin' in reader.permissions || reader.id in values.readers)
    verdict: deny
    reason: personal data is for administrators, and for readers that values.readers names
  - id: reads
    at: read
    when: output.classes.exists(c, c in values.personal)
    verdict: record
    reason: personal data was read

tests:
  - name: health at a provider in the EU
    at: model_call
    expect: deny
    rules: [special_categories]
    facts: {provider: x, region: eu, retention: 0, training: false, context: user class:health}
  - name: a special category among others
    at: model_call
    expect: deny
    rules: [special_categories]
    facts: {provider: x, region: eu, retention: 0, training: false, context: user class:religion class:own}
  - name: a special category where a part leaves
    at: model_call
    expect: deny
    rules: [special_categories]
    facts: {provider: x, regions: [own, eu], context: user class:union}
  - name: a special category at an unknown place
    at: model_call
    expect: deny
    rules: [special_categories]
    facts: {provider: x, context: user class:union}
  - name: health in this installation
    at: model_call
    expect: allow
    facts: {provider: local, region: own, retention: 0, training: false, context: user class:health}
  - name: other data anywhere
    at: model_call
    expect: allow
    facts: {provider: x, context: web class:own}
  - name: personal data in the EU
    at: model_call
    expect: allow
    facts: {provider: x, region: eu, retention: 30, training: false, context: user class:pii}
  - name: personal data outside of the EU
    at: model_call
    expect: deny
    rules: [compliance/residency.pii]
    facts: {provider: x, region: us, retention: 30, training: false, context: user class:pii}
  - name: health outside of the EU
    at: model_call
    expect: deny
    rules: [compliance/residency.health]
    facts: {provider: x, region: us, retention: 30, training: false, context: user class:health}
  - name: personal data that is kept for long
    at: model_call
    expect: deny
    rules: [compliance/retention.pii]
    facts: {provider: x, region: eu, retention: 31, training: false, context: user class:pii}
  - name: health that is kept for long
    at: model_call
    expect: deny
    rules: [compliance/retention.health]
    facts: {provider: x, region: eu, retention: 31, training: false, context: user class:health}
  - name: personal data to train on
    at: model_call
    expect: deny
    rules: [compliance/no_training.pii]
    facts: {provider: x, region: eu, retention: 30, training: true, context: user class:pii}
  - name: health to train on
    at: model_call
    expect: deny
    rules: [compliance/no_training.health]
    facts: {provider: x, region: own, retention: 0, training: true, context: user class:health}
  - name: cards to train on
    at: model_call
    expect: deny
    rules: [compliance/no_training.card]
    facts: {provider: x, region: own, retention: 0, training: true, context: user class:card}
  - name: a card is hidden
    at: model_call
    expect: redact
    rules: [identifiers]
    facts: {provider: x, training: false, context: user class:card}
  - name: a secret among others is hidden
    at: model_call
    expect: redact
    rules: [identifiers]
    facts: {provider: x, context: user class:secret class:own}
  - name: an administrator reads, and it is recorded
    at: read
    expect: allow
    rules: [reads]
    facts: {reader: {id: ann, permissions: [read, admin]}, label: user class:pii}
  - name: personal data among others is recorded
    at: read
    expect: allow
    rules: [reads]
    facts: {reader: {id: ann, permissions: [admin]}, label: user class:pii class:own}
  - name: somebody else does not read
    at: read
    expect: deny
    rules: [readers]
    facts: {reader: {id: eve, permissions: [read]}, label: user class:pii}
  - name: nor personal data among others
    at: read
    expect: deny
    rules: [readers]
    facts: {reader: eve, label: user class:pii class:own}
  - name: other data is for all
    at: read
    expect: allow
    facts: {reader: eve, label: web class:own}
"""
