"""From a Run's file to a package with its proof; and checking one.

`pipeline` and `cli` call it. It never converts, trains or measures accuracy again.
"""
