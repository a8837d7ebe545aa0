"""Our spans on their way to other systems: which ones, in their words, in requests, until they are taken."""
