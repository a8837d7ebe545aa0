"""One module a group of commands; the root imports a module when one of its commands is called."""
