"""Mutation runs: small faults are planted one at a time, and the tests have to catch them.

``make mutants`` plants a random sample in the Python package, made by the operators of mutmut, and
those written by hand for C and Clojure. CONTRIBUTING.org has the score.
"""
