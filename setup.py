"""Builds the C extension; everything else is in pyproject.toml."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path("python/liquid_neural_networks/_kernel/src")

COMPILE = [
    "-std=c11",
    "-O3",
    "-ffp-contract=fast",  # a * b + c in one instruction, rounded once
    # Neither changes a result; both let loops become vector code.
    "-fno-trapping-math",
    "-fno-math-errno",
    "-Wno-psabi",
    "-fvisibility=hidden",  # one name is for Python, none for other libraries
]

LINK = ["-pthread"]
if sys.platform == "linux":
    LINK += ["-ldl"]
    # What is shipped needs no symbols; a sanitizer's report does.
    LINK += [] if "-fsanitize" in os.environ.get("LDFLAGS", "") else ["-Wl,--strip-all"]


class BuildExtension(build_ext):
    """Without the search path of the Python that builds, which the extension does not link to."""

    def build_extensions(self):
        linker = getattr(self.compiler, "linker_so", None)
        if linker:
            self.compiler.linker_so = [each for each in linker if "-rpath" not in each]
        super().build_extensions()


setup(
    ext_modules=[
        Extension(
            "liquid_neural_networks._kernel._native",
            sources=sorted(str(path) for path in SOURCES.glob("*.c")),
            depends=sorted(str(path) for path in SOURCES.glob("*.h")),
            extra_compile_args=COMPILE,
            extra_link_args=LINK,
            py_limited_api=True,
            # Without a compiler the installation goes on, and the reference path runs.
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildExtension},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
