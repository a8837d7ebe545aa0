"""What calls could cost less: suggestions that facts support, and the change of a definition that each stands for."""
