"""Benchmarks, apart from the tests; what they measured is kept beside them, and in the pages.

    python -m benchmarks.attribution    whether attributions add up, and find what matters
    python -m benchmarks                the compiled step beside its peers, or make bench
    python -m benchmarks.fit            training by fit beside a loop by hand
    python -m benchmarks.migration      a changed import, for docs/migration.org
    python -m benchmarks.parallel_time  evaluation parallel in time
    python -m benchmarks.sigmoid        the error of the sigmoid, over every float
    python -m benchmarks.papers         published tasks, for docs/results.org

All of them time with ``liquid_neural_networks.benchmark``, which ``lnn bench`` uses too.
"""
