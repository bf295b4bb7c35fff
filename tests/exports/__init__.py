"""``python -m tests.exports``: exported C on every target at hand, and random networks."""
