"""How long a test waits for a program before it says that the program hangs."""

# The longest, a run that trains and converts two models, takes three minutes alone on two cores,
# all others less than one. A machine that is busy may take ten times that.
PATIENCE_S = 3600
