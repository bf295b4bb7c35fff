"""Worked examples, one folder an application: ``python -m examples.weather``."""
