"""Bills: what calls cost by any dimension, exports of it, and its comparison with what providers charge."""
