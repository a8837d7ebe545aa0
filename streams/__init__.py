"""The stream agents, one thin agent a file, on the engine of ``streams.runtime``."""
