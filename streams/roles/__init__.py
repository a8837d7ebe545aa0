"""The stream roles, one file per role. A role is one Faust app: one consumer group, one handler."""
