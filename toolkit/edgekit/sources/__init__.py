"""What the user means by MODEL, and the card that belongs to it.

`pipeline` and `cli` come in here. A source is found and named without a framework: nothing here
ever loads a model.
"""
