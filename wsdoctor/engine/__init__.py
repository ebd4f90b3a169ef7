"""Which cases to run, running them, and putting what they say together into one Report."""
