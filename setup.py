"""Builds the C extension; everything else is in pyproject.toml."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SOURCES = Path("python/liquid_neural_networks/_kernel/src")

sys.path.insert(0, str(ROOT / "packaging"))  # a build has this folder nowhere on its path
from org import markdown  # noqa: E402

COMPILE = [
    "-std=c11",
    # Whoever sets another level in CFLAGS wants a quick build, or one to debug.
    *([] if "-O" in os.environ.get("CFLAGS", "") else ["-O3"]),
    "-ffp-contract=fast",  # a * b + c in one instruction, rounded once
    # Neither changes a result; both let loops become vector code.
    "-fno-trapping-math",
    "-fno-math-errno",
    "-Wno-psabi",
    "-fvisibility=hidden",  # one name is for Python, none for other libraries
]

LINK = ["-pthread", "-lm"]
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


class BuildPython(build_py):
    """With the conformance vectors beside the module that runs them; a checkout has its own."""

    def build_package_data(self):
        super().build_package_data()
        for vector, copy in self._vectors():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(vector, copy)

    def get_outputs(self, include_bytecode=True):
        copies = [str(copy) for _, copy in self._vectors()]
        return super().get_outputs(include_bytecode) + copies

    def _vectors(self):
        folder = Path(self.build_lib, "liquid_neural_networks", "_vectors")
        found = [] if self.editable_mode else sorted(ROOT.glob("spec/vectors/*.msgpack"))
        return [(vector, folder / vector.name) for vector in found]


setup(
    long_description=markdown((ROOT / "README.org").read_text("utf-8")),
    long_description_content_type="text/markdown",
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
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPython},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
