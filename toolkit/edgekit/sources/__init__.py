"""What the user means by MODEL, and the card that belongs to it.

`pipeline` and `cli` come in here. A source is found and named without a framework, and the process
that asks never loads a model.
"""
