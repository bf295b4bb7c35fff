"""``lnn stream`` on a long pipe: lines a second, memory, and going on after a kill.

python -m benchmarks.edge.stream --lines 1000000
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import pilot

LNN = [sys.executable, "-m", "liquid_neural_networks.cli", "stream"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pilot.network().save(folder / "pilot.lnn")
        table = folder / "table.csv"
        with table.open("w") as file:
            file.writelines(lines(count))
        whole = folder / "whole.csv"
        seconds, memory = run(folder, table, whole)
        print(f"{count} lines, {count / seconds:,.0f} a second")
        print("resident memory after each tenth, MB:", *(f"{each:.0f}" for each in memory))
        print("killed half-way and resumed, outputs the same:", resumed(folder, table, whole))


def lines(count: int) -> Iterator[str]:
    """A heading, then rows of 10 numbers from -1 to 1."""
    yield ",".join(f"x{k}" for k in range(10)) + "\n"
    for row in range(count):
        numbers = ((row * 7919 + k * 104729) % 2003 / 1001 - 1 for k in range(10))
        yield ",".join(f"{each:.4f}" for each in numbers) + "\n"


def run(folder: Path, table: Path, output: Path) -> tuple[float, list[float]]:
    """Seconds, and the memory over time."""
    with table.open() as source, output.open("w") as target:
        started = time.perf_counter()
        child = subprocess.Popen([*LNN, str(folder / "pilot.lnn")], stdin=source, stdout=target)
        seen = []
        while child.poll() is None:
            seen.append(resident(child.pid))
            time.sleep(0.2)
        assert child.returncode == 0
    late = [each for each in seen if each] or [0.0]
    return time.perf_counter() - started, [late[len(late) * k // 10] for k in range(10)]


def resident(process: int) -> float:
    """Megabytes; 0 if it is gone."""
    try:
        rows = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS")), 0.0)


def resumed(folder: Path, table: Path, whole: Path) -> bool:
    """Whether a run that is ended by SIGTERM, and a second from the next line on, say the same."""
    state, parts = folder / "state", [folder / "first.csv", folder / "second.csv"]
    command = [*LNN, str(folder / "pilot.lnn"), "--state", str(state)]
    wanted = whole.read_text()
    with table.open() as source, parts[0].open("w") as target:
        child = subprocess.Popen(command, stdin=source, stdout=target)
        while child.poll() is None and parts[0].stat().st_size < len(wanted) // 2:
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        child.wait()
    answered = parts[0].read_text().count("\n") - 1
    with table.open() as source, parts[1].open("w") as target:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=target, text=True)
        assert child.stdin is not None
        for number, line in enumerate(source):
            if number == 0 or number > answered:
                child.stdin.write(line)
        child.stdin.close()
        assert child.wait() == 0
    second = parts[1].read_text().partition("\n")[2]
    return answered > 0 and parts[0].read_text() + second == wanted


if __name__ == "__main__":
    main()
