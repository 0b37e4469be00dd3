"""Metrics. One is a module with `TASK`, `UNIT`, `HIGHER_IS_BETTER`, `NAME` and `contributions`.

`contributions(outputs, targets, inputs)` returns numbers for each sample, `(n,)` or `(n, ...)`;
outputs and inputs are tuples of arrays, samples first. The metric is their mean, unless the module
has `aggregate(contributions, weights)`, which returns the figure `(b,)` where samples count
`weights` `(b, n)` times; `support(contributions)` is how many samples carry it, where not all do.
"""
