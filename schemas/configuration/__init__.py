"""Where settings come from: variables, files of secrets, configuration files."""
