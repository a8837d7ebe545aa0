"""The stream roles, one module per role, with its ``SPEC`` and its ``build``.

A role is one Faust app: one consumer group, one handler.
"""
