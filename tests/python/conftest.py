"""What every test shares: two integration paths, two threads, repeatable hypothesis runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from liquid_neural_networks import fused

torch.set_num_threads(2)

# A fixture that only chooses the path does not change from one example to the next.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("suite")

FUSED = fused.status()
RAN = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RAN] = set()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells what it ran..."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["ran"] = sorted(session.config.stash[RAN])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """... and whoever started it adds it up. One that crashed tells nothing."""
    node.config.stash[RAN].update(getattr(node, "workeroutput", {}).get("ran", ()))


@pytest.fixture(
    params=[
        pytest.param(
            "fused",
            marks=pytest.mark.skipif(
                not FUSED.available, reason=f"THE COMPILED STEP IS NOT TESTED: {FUSED.reason}"
            ),
        ),
        "reference",
    ]
)
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once on the compiled step and once on plain torch."""
    request.config.stash[RAN].add(request.param)
    with fused.disabled() if request.param == "reference" else nullcontext():
        yield request.param


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says which integration paths the results above speak for."""
    ran = sorted(config.stash[RAN])
    if ran:
        detail = "" if "fused" in ran else f" (fused: {FUSED.reason or 'not selected'})"
        terminalreporter.write_line(f"integration paths that ran: {', '.join(ran)}{detail}")
