"""Instructions to a model inside data: rules for eleven languages, a score, an optional classifier.

Patterns find what is worded as attacks of the past are. They miss most that is worded in another way, so a finding is
a score and a tripwire; policies over labels are the control.
"""
