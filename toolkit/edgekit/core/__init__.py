"""The nouns and the arithmetic.

Every room calls it. It never touches a file, clock, process or framework.
"""
