"""Errors of embedded engines. Every message says how to fix it.

EngineError                 the caller cannot use this engine
├── EngineStartError        it did not become ready, or died while starting: read its log, then start again
├── DataDirBusyError        another process owns the data directory: stop that one, or choose another directory
└── JarsError               the broker's jars are missing: check the network, then start again
    └── JarMismatchError    a jar differs from its pin: never run it
"""

from __future__ import annotations


class EngineError(Exception):
    """An embedded engine cannot be used."""


class EngineStartError(EngineError):
    """An engine died or stayed silent while starting; the message ends with the tail of its log."""


class DataDirBusyError(EngineError):
    """Another live process holds the data directory's lock."""


class JarsError(EngineError):
    """The broker's jars could not be fetched or stored."""


class JarMismatchError(JarsError):
    """A jar's SHA-256 differs from the committed one. Nothing was started."""
