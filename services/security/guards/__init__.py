"""Guards of policies: checks of models' answers, of whole ones and of streams in windows."""
