"""Benchmarks, apart from the tests: ``python -m benchmarks`` or ``make bench``."""
