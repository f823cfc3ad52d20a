"""One event in; what was decided, kept and is to be said comes out."""
