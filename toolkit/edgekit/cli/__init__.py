"""The command line, one thin file per verb.

The console script calls it. It is the only room that speaks to a terminal, and never computes what
it shows.
"""
