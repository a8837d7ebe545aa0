"""The rules: each looks at one group of calls and knows one kind of waste."""
