"""Learning while running: time a sample, and 100,000 samples of changing streams.

    python -m benchmarks.online               both, in about two minutes
    python -m benchmarks.online --seeds 0     times only

Everything is measured from Python, one thread, optimiser included. For numbers that count:
chrt -r 1 taskset -c 1 python -m benchmarks.online
"""

from __future__ import annotations

import resource
from time import perf_counter
from typing import Any, Union

import click
import numpy as np
import torch

from liquid_neural_networks import LiquidNetwork, benchmark, wiring
from liquid_neural_networks.online import Guarded, Learner

NCP = wiring.ncp(inter=12, command=6, motor=1)

# Name, network, method, bar in microseconds.
CASES: list[tuple[str, dict[str, Any], str, float]] = [
    ("19 neurons, 1 input", {"input_size": 1, "wiring": NCP}, "exact", 25),
    ("19 neurons, 2 inputs", {"input_size": 2, "wiring": NCP}, "exact", 25),
    ("19 neurons, 5 inputs", {"input_size": 5, "wiring": NCP}, "exact", 35),
    ("19 neurons, 10 inputs", {"input_size": 10, "wiring": NCP}, "exact", 70),
    ("19, closed form", {"input_size": 2, "wiring": NCP, "dynamics": "closed_form"}, "exact", 10),
    ("19, dense dynamics", {"input_size": 2, "wiring": NCP, "dynamics": "dense"}, "exact", np.inf),
    (
        "302, c_elegans",
        {"input_size": 2, "output_size": 1, "wiring": wiring.c_elegans()},
        "snap1",
        250,
    ),
    (
        "302, c_elegans",
        {"input_size": 2, "output_size": 1, "wiring": wiring.c_elegans()},
        "snap2",
        np.inf,
    ),
]

REGIMES = 10
OUTLIERS = 0.01


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--seeds", default=5, show_default=True, help="Streams of 100,000 samples.")
@click.option("--rounds", default=9, show_default=True, help="Of 1,000 samples each.")
def main(seeds: int, rounds: int) -> None:
    torch.set_num_threads(1)
    print(benchmark.machine())
    print(f"\n{'':28}{'method':>8}{'step':>9}{'learn':>9}{'both':>9}{'bar':>7}   microseconds")
    for name, options, method, bar in CASES:
        step, learn = time_of(LiquidNetwork(seed=0, **options).learner(method), rounds)
        mark = "" if step + learn <= bar else "  missed"
        print(f"{name:28}{method:>8}{step:9.1f}{learn:9.1f}{step + learn:9.1f}{bar:7.0f}{mark}")
    for skip in ("gradient", "least_squares"):
        guard = Guarded(LiquidNetwork(10, wiring=NCP, seed=0).learner(), skip=skip)
        step, learn = time_of(guard, rounds)
        print(f"{f'10 inputs, guarded, {skip}':36}{step:9.1f}{learn:9.1f}{step + learn:9.1f}")
    if seeds:
        print(
            f"\n{REGIMES} regimes of 10,000 samples, {OUTLIERS:.0%} outliers; mean absolute errors"
        )
    for seed in range(seeds):
        for guarded in (False, True):
            print(stability(seed, guarded))


def time_of(live: Union[Learner, Guarded], rounds: int) -> tuple[float, float]:
    """Microseconds of a step and of a lesson: medians over the rounds."""
    rng = np.random.default_rng(0)
    learner = live.learner if isinstance(live, Guarded) else live
    inputs = rng.normal(size=(1000, learner.input_size))
    targets = rng.normal(size=1000).tolist()
    times = []
    for _ in range(rounds):
        step = learn = 0.0
        for each, target in zip(inputs, targets):
            start = perf_counter()
            live.step(each)
            between = perf_counter()
            live.learn(target)
            step, learn = step + between - start, learn + perf_counter() - between
        times.append((step, learn))
    step, learn = np.median(times, axis=0) * 1e3
    return float(step), float(learn)


def series(seed: int, count: int) -> np.ndarray:
    """Two tones whose frequencies and sizes change ten times, with noise and outliers."""
    rng = np.random.default_rng(seed)
    length = count // REGIMES
    parts = []
    for _ in range(REGIMES):
        time = np.arange(length)
        sizes, periods = rng.uniform(0.3, 1.0, 2), rng.uniform(6, 60, 2)
        parts.append(sum(a * np.sin(2 * np.pi * time / p) for a, p in zip(sizes, periods)))
    values = np.concatenate(parts) + 0.05 * rng.normal(size=count)
    hit = rng.random(count) < OUTLIERS
    return np.where(hit, values + 20 * rng.standard_cauchy(count), values)


def stability(seed: int, guarded: bool) -> str:
    """One stream, forecast one sample ahead from the latest three."""
    values = series(seed, 100_000)
    learner = LiquidNetwork(3, wiring=NCP, seed=seed).learner()
    live: Union[Learner, Guarded] = Guarded(learner) if guarded else learner
    errors, times = np.zeros(len(values)), np.zeros(len(values))
    memory = 0
    for count in range(3, len(values)):
        if count == 20_000:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = perf_counter()
        output = float(live.step(values[count - 3 : count])[0])
        live.learn(float(values[count]))
        times[count] = perf_counter() - start
        errors[count] = abs(output - values[count])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    weights = np.concatenate([each.ravel() for each in learner.weights().values()])
    assert np.isfinite(errors).all() and np.isfinite(weights).all()
    usual = np.minimum(errors, 5)  # an outlier itself cannot be forecast
    naive = np.minimum(np.abs(np.diff(values)), 5)
    kind = "guarded" if guarded else "learner"
    first, last = (
        1e6 * np.median(times[part]) for part in (slice(3, 10_000), slice(-10_000, None))
    )
    return (
        f"seed {seed} {kind}: first regime {usual[3:10_000].mean():.3f}, last "
        f"{usual[-10_000:].mean():.3f}, all {usual.mean():.3f}, persistence {naive.mean():.3f}; "
        f"largest weight {np.abs(learner.weights()['parameters']).max():.1f}; "
        f"{first:.0f} us a sample at first, {last:.0f} at last, {grown} kB more memory; "
        f"{len(learner.events)} events"
    )


if __name__ == "__main__":
    main()
