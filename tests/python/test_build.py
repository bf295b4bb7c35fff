"""The C extension as it is built: there, and without a trace of the machine that built it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest


def built() -> Path:
    """The file, or a skip where no compiler could make it."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("THE COMPILED STEP IS NOT TESTED: no C compiler on the path")
    found = importlib.util.find_spec("liquid_neural_networks._kernel._native")
    assert found is not None and found.origin is not None
    return Path(found.origin)


def test_it_is_there_where_it_can_be_built() -> None:
    """Its build is optional, and what needs it is skipped without it: that must have a reason."""
    assert built().exists()


@pytest.mark.skipif(sys.platform != "linux", reason="THE BUILD IS NOT TESTED: no Linux")
def test_it_is_stripped_and_knows_no_paths() -> None:
    contents = built().read_bytes()
    if b"__asan_init" in contents:
        pytest.skip("THE BUILD IS NOT TESTED: this one is for sanitizers")
    for trace in (b".debug_info", b".symtab", sys.base_prefix.encode(), b"/src/"):
        assert trace not in contents
