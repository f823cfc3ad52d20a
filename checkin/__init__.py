"""The rules: values and pure functions, standard library only, the moment always passed in."""
