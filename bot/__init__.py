"""Frameworks, words and wires: settings, command line, transports, sender, texts."""
