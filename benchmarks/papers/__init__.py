"""The published tables, reproduced: every task, our networks and others, trained by one code.

    LNN_DATA=/path/to/data python -m benchmarks.papers run --task half_cheetah --seeds 5
    python -m benchmarks.papers table

Each run adds a line to its task's file under ``results/``; what is on record is not run again. The
tables are made from those files alone.
"""
