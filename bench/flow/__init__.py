"""Random workflows of all kinds of nodes, played through the real fold by workers that know their arguments only."""
