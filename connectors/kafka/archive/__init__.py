"""Records of whole topics, out of a broker and back into one, with offsets, times and the places of groups."""
