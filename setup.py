"""Builds the C extension; everything else is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("python/liquid_neural_networks/_kernel/src")

setup(
    ext_modules=[
        Extension(
            "liquid_neural_networks._kernel._native",
            sources=sorted(str(path) for path in SOURCES.glob("*.c")),
            depends=sorted(str(path) for path in SOURCES.glob("*.h")),
            extra_compile_args=[
                "-std=c11",
                "-O3",
                "-ffp-contract=fast",  # a * b + c in one instruction, rounded once
                # Neither changes a result; both let loops become vector code.
                "-fno-trapping-math",
                "-fno-math-errno",
                "-Wno-psabi",
                "-fvisibility=hidden",  # one name is for Python, none for other libraries
            ],
            extra_link_args=["-pthread", "-ldl"] if sys.platform == "linux" else ["-pthread"],
            py_limited_api=True,
            # Without a compiler the installation goes on, and the reference path runs.
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
