"""Where models come from.

A source is a module with `SUFFIXES`, `HUB`, `LAYOUT` (how its models take images, unless their card
says otherwise), `PACKAGES` and `load(source, card, *, trust, seed) -> FloatModel`.
"""
