"""The nouns and the arithmetic: no file, clock, process or framework."""
