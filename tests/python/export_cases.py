"""Exported C: compiled, run, compared with the conformance vectors."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
from spec import reference
from spec.encoding import decode

from liquid_neural_networks import LiquidNetwork, conformance, export
from liquid_neural_networks.export._design import Exportable, design
from liquid_neural_networks.export._fixed import Fixed, fixed
from liquid_neural_networks.export._fixed_run import run, to_time

Array = npt.NDArray[Any]

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic")
# gcc says of itself that sanitizers make it warn of variables that are initialized.
SANITIZE = (
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
    "-Wno-maybe-uninitialized",
)
RUNNER = Path(__file__).parents[1] / "c" / "exports.c"
COMPILER = next((each for each in ("gcc", "clang", "cc") if shutil.which(each)), None)


class Target(NamedTuple):
    """Where exported code is to run.

    Attributes:
        emulator: what runs the program, if not this machine.
        bare: there is no operating system: what is to be done is compiled in.
    """

    name: str
    compiler: str
    options: Sequence[str] = ("-O2",)
    emulator: Sequence[str] = ()
    bare: bool = False


SEMIHOSTING = "enable=on,target=native,chardev=text"
BOARD = ("-display", "none", "-monitor", "none", "-serial", "none", "-chardev", "stdio,id=text",
         "-semihosting-config", SEMIHOSTING, "-kernel")  # fmt: skip
M4F = ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
TARGETS = (
    Target("gcc", "gcc"),
    Target("clang", "clang"),
    Target("gcc -Os -ffast-math", "gcc", ("-Os", "-ffast-math")),
    Target("sanitizers", "gcc", ("-O1", *SANITIZE)),
    Target("aarch64", "aarch64-linux-gnu-gcc", ("-O2",), ("qemu-aarch64",)),
    Target("s390x, big endian", "s390x-linux-gnu-gcc", ("-O2",), ("qemu-s390x",)),
    Target("Cortex-M4F", "arm-none-eabi-gcc", ("-O2", "-mthumb", *M4F),
           ("qemu-system-arm", "-M", "mps2-an386", *BOARD), bare=True),
    Target("Cortex-M0", "arm-none-eabi-gcc", ("-Os", "-mthumb", "-mcpu=cortex-m0"),
           ("qemu-system-arm", "-M", "microbit", *BOARD), bare=True),
    Target("rv32imc", "riscv64-unknown-elf-gcc",
           ("-O2", "-march=rv32imc", "-mabi=ilp32", "-ffreestanding"),
           ("qemu-riscv32",), bare=True),
    Target("AVR", "avr-gcc", ("-Os", "-mmcu=atmega1284p"),
           ("simavr", "-m", "atmega1284p", "-f", "16000000"), bare=True),
)  # fmt: skip


def at_hand(target: Target) -> bool:
    return all(shutil.which(tool) for tool in (target.compiler, *target.emulator[:1]))


class Run(NamedTuple):
    """What a network did: ``accepted`` (T,), ``outputs`` (T, O), ``states`` (T, numbers)."""

    accepted: Array
    outputs: Array
    states: Array


class Program:
    """Exported networks in one program.

    Args:
        times: elapsed times that are fixed at export, by name.
        tables: (T, I) to calibrate whole numbers with, by name.
    """

    def __init__(
        self,
        folder: Path,
        networks: Mapping[str, Exportable],
        target: Optional[Target] = None,
        times: Optional[Mapping[str, float]] = None,
        numbers: str = "float32",
        tables: Optional[Mapping[str, Array]] = None,
    ):
        assert COMPILER is not None
        self.target = target or Target("here", COMPILER)
        self.numbers = {name: index for index, name in enumerate(networks)}
        self._folder, times = folder, times or {}
        for name, network in networks.items():
            export.c(
                network, folder, name=name, elapsed_time=times.get(name), numbers=numbers,
                calibrate=None if tables is None else tables[name],
            )  # fmt: skip
        types = ("float", "value") if numbers.startswith("float") else ("int16_t", "whole")
        (folder / "exports.h").write_text(_listing(list(networks), set(times), types))
        self._compile([f"{name}.c" for name in networks])
        if not self.target.bare:
            self._link()

    def _compile(self, sources: list[str]) -> None:
        command = [self.target.compiler, *STRICT, *self.target.options]
        if self.target.compiler == "avr-gcc":  # its C99 has no other address spaces
            command[1] = "-std=gnu99"
        halves = [half for half in (sources[::2], sources[1::2]) if half]
        jobs = [subprocess.Popen([*command, "-c", *half], cwd=self._folder) for half in halves]
        assert [job.wait() for job in jobs] == [0] * len(jobs)
        self._objects = [source[:-2] + ".o" for source in sources]

    def _link(self) -> None:
        how = ["-static"] if self.target.emulator else []
        if self.target.bare:
            how = ["-std=gnu99", "-I", str(RUNNER.parent), '-DSCRIPT="script.h"']
            if "arm-none" in self.target.compiler:
                how += ["-nostartfiles", "-T", str(RUNNER.parent / "cortex-m.ld")]
            if "riscv" in self.target.compiler:
                how += ["-nostdlib", "-Wl,--no-relax"]  # no register points at the variables
        runner = [str(RUNNER), "-I", ".", *self._objects, "-o", "run"]
        libraries = ["-lgcc"] if self.target.bare else []
        options = [*self.target.options, "-Wno-unused", "-fno-strict-aliasing"]
        subprocess.run(
            [self.target.compiler, *options, *how, *runner, *libraries],
            cwd=self._folder,
            check=True,
        )

    def talk(self, lines: Sequence[str]) -> list[list[str]]:
        """The words of each line that the program answers."""
        script = "\n".join(lines) + "\n"
        if self.target.bare:
            text = "\n".join(f'    "{line}\\n"' for line in lines)
            (self._folder / "script.h").write_text(
                f"static const IN_FLASH char script[] =\n{text};\n"
            )
            self._link()
        done = subprocess.run(
            [*self.target.emulator, "./run"],
            cwd=self._folder, input=script, text=True, capture_output=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answers = done.stdout
        if "simavr" in self.target.emulator:
            colours = re.compile("\x1b\\[[0-9;]*m")
            answers = colours.sub("", answers + done.stderr)
            answers = "\n".join(
                line.rstrip(".\r ")
                for line in answers.splitlines()
                if line[:2] in ("0 ", "1 ", "0.", "1.")
            )
        return [line.split() for line in answers.splitlines()]

    def run(self, name: str, inputs: Array, times: Array, state: Optional[Array] = None) -> Run:
        """The network over (T, I) inputs, from a state as it lies in the structure."""
        (found,) = self.runs(name, [(inputs, times, state)])
        return found

    def outputs(self, name: str, inputs: Array, times: Array) -> Array:
        """(T, O) from the first state, for networks whose states are long."""
        lines = self._lines(name, inputs, times, None)
        answers = self.talk([line.replace("p ", "o ", 1) for line in lines])
        assert [each[0] for each in answers] == ["1"] * len(inputs)
        return floats([each[1:] for each in answers])

    def runs(
        self, name: str, sequences: Sequence[tuple[Array, Array, Optional[Array]]]
    ) -> list[Run]:
        """Several sequences one after the other."""
        found, answers = (
            [],
            self.talk([line for each in sequences for line in self._lines(name, *each)]),
        )
        outputs = int(self._macro(name, "OUTPUTS"))
        for inputs, _, _ in sequences:
            own, answers = answers[: len(inputs)], answers[len(inputs) :]
            assert len(own) == len(inputs), "too few answers"
            values = floats([each[1:] for each in own])
            accepted = np.array([int(each[0]) for each in own])
            found.append(Run(accepted, values[:, :outputs], values[:, outputs:]))
        return found

    def _lines(self, name: str, inputs: Array, times: Array, state: Optional[Array]) -> list[str]:
        which = self.numbers[name]
        lines = [f"r {which}"]
        if state is not None:
            lines.append(f"s {which} {words(state)}")
        return lines + [f"p {which} {words(np.append(t, u))}" for t, u in zip(times, inputs)]

    def whole(self, name: str, inputs: Array, times: Array) -> tuple[Array, Array]:
        """Outputs (T, O) and states (T, P N) in whole numbers, of whole inputs and times."""
        which = self.numbers[name]
        lines = [f"r {which}"]
        for time, row in zip(times.tolist(), inputs.tolist()):
            numbers = " ".join(f"{each & 0xFFFFFFFF:08x}" for each in [time, *row])
            lines.append(f"p {which} {numbers}")
        found = floats([each[1:] for each in self.talk(lines)]).view(np.int32)
        outputs = int(self._macro(name, "OUTPUTS"))
        return found[:, :outputs], found[:, outputs:]

    def _macro(self, name: str, which: str) -> str:
        start = f"#define {name.upper()}_{which} "
        lines = (self._folder / f"{name}.h").read_text().splitlines()
        return next(line[len(start) :].split()[0] for line in lines if line.startswith(start))


def words(values: Any) -> str:
    """Numbers as the bits of float32."""
    bits = np.asarray(values, np.float32).ravel().view(np.uint32)
    return " ".join(f"{each:08x}" for each in bits)


def floats(texts: Sequence[Sequence[str]]) -> Array:
    """And back."""
    return np.array([[int(each, 16) for each in row] for row in texts], np.uint32).view(np.float32)


def _listing(names: list[str], fixed: set[str], types: tuple[str, str]) -> str:
    kind, field = types
    parts = []
    for name in names:
        size = f"{name.upper()}_INPUTS"
        time = "" if name in fixed else f"t.{'value' if kind == 'float' else 'bits'}, "
        step = f"{name}_step(&state_{name}, own, {time}&y[0].{field})"
        returned = f"{step}; return 1;" if name in fixed or kind != "float" else f"return {step};"
        parts.append(
            f'#include "{name}.h"\n'
            f"static {name}_state state_{name};\n"
            f"static void init_{name}(void) {{ {name}_init(&state_{name}); }}\n"
            f"static int step_{name}(const word *u, word t, word *y) {{\n"
            f"    {kind} own[{size}];\n"
            f"    (void)t;\n"
            f"    for (int k = 0; k < {size}; k++) own[k] = ({kind})u[k].{field};\n"
            f"    {returned}\n"
            "}\n"
            f"static int check_{name}(void) {{ return {name}_check_state(&state_{name}); }}\n"
        )
    rows = [
        f"    {{{name.upper()}_INPUTS, {name.upper()}_OUTPUTS, sizeof(state_{name}) / 4, "
        f"(word *)&state_{name}, init_{name}, step_{name}, check_{name}}},"
        for name in names
    ]
    return "\n".join([*parts, "static const network networks[] = {", *rows, "};\n"])


class Case:
    """A conformance vector, one sample at a time."""

    def __init__(self, path: Path):
        self.raw = conformance.read(path)
        self.name = path.stem.replace("-", "_")
        self.tolerance = None if "refused" in self.raw else self.raw["tolerance"]["f4"]

    @property
    def why_not(self) -> str:
        """Why an export cannot express it; empty if it can."""
        if "refused" in self.raw:
            return "is to be refused"
        config = self.raw["model"]["config"]
        if config["bidirectional"]:
            return "needs the whole sequence"
        if config["solver"] == "adaptive":
            return "has no fixed steps"
        if self.raw["arguments"]["time_constants"] is not None:
            return "gives time constants at run time"
        return ""

    @property
    def kind(self) -> str:
        """Cases of one kind become C that differs in its numbers alone."""
        config, wirings = self.raw["model"]["config"], self.raw["model"]["wirings"]
        options = ("dynamics", "solver", "mixed_memory", "num_layers", "readout")
        layers = [len(wiring["layers"]) for wiring in wirings]
        return repr([*(config[each] for each in options), layers, len(wirings[0]["pre"]) == 0])

    def network(self) -> Exportable:
        import torch

        return conformance.build(self.raw["model"], torch.float32)

    def error(self, program: Program) -> float:
        """The largest, as the spec counts: by the largest number expected, at least 1."""
        outputs, final, states = self.expected()
        found = [np.full(each.shape, np.nan) for each in (outputs, final, states)]
        config = self.raw["model"]["config"]
        layers, units = config["num_layers"], config["hidden_size"]
        given = reference.prepare(self.raw["model"], self.raw["arguments"])
        inputs = given.inputs if given.seen is None else np.where(given.seen, given.inputs, np.nan)
        sequences = []
        for b, valid in enumerate(given.valid):
            start = given.state[:, b]
            state = np.concatenate([start[:, :units].ravel(), start[:, units:].ravel()])
            sequences.append((inputs[b][valid], given.elapsed_time[b][valid], state))
        for b, ran in enumerate(program.runs(self.name, sequences)):
            valid = given.valid[b]
            assert ran.accepted.all()
            at = np.cumsum(valid) - 1  # padding holds the state
            path = ran.states.reshape(-1, ran.states.shape[1] // units // layers, layers, units)
            found[2][:, b] = path[at, 0].swapaxes(0, 1)
            found[1][:, b] = path[-1].swapaxes(0, 1).reshape(layers, -1)
            found[0][b] = ran.outputs[at] if config["return_sequences"] else ran.outputs[-1]
        errors = [
            np.abs(got - want).max() / max(1.0, np.abs(want).max())
            for got, want in zip(found, (outputs, final, states))
        ]
        return float(max(errors))

    def expected(self) -> tuple[Array, Array, Array]:
        """Outputs (B, T, O) or (B, O), final states (P, B, N), states (P, B, T, N)."""
        wanted, config = self.raw["expected"], self.raw["model"]["config"]
        outputs, state, states = (wanted[name] for name in ("outputs", "state", "states"))
        if self.raw["arguments"]["inputs"].ndim == 2:
            return outputs[None], state[:, None], states[:, None]
        if config["return_sequences"] and not config["batch_first"]:
            outputs = outputs.swapaxes(0, 1)
        return outputs, state, states


class FixedCase:
    """A vector of ``spec/fixed-point.org``."""

    def __init__(self, path: Path):
        self.raw = decode(path.read_bytes())
        self.name = path.stem.replace("-", "_")
        self.numbers = f"int{self.raw['bits']}"

    def network(self) -> Exportable:
        import torch

        return conformance.build(self.raw["model"], torch.float64)

    def differences(self, folder: Path, target: Optional[Target] = None) -> int:
        """How many numbers of the exported C are not those of the vector."""
        name, tables = self.name, {self.name: self.raw["ranges"]}
        program = Program(
            folder, {name: self.network()}, target, numbers=self.numbers, tables=tables
        )
        outputs, states = program.whole(name, self.raw["inputs"], self.raw["elapsed_time"])
        wanted = self.raw["expected"]
        rows = wanted["states"].reshape(len(states), -1)
        return int((outputs != wanted["outputs"]).sum() + (states != rows).sum())


# -- whole numbers -------------------------------------------------------------------------------

WHOLE_RUNNER = """
#include "net.h"
#include <stdio.h>
int main(void) {
    static net_state state;
    int32_t outputs[NET_OUTPUTS];
    int16_t inputs[NET_INPUTS];
    float value;
    unsigned long time;
    net_init(&state);
    while (scanf("%lu", &time) == 1) {
        for (int k = 0; k < NET_INPUTS; k++) {
            if (scanf("%f", &value) != 1) return 1;
            inputs[k] = net_input(k, value);
        }
        net_step(&state, inputs, (uint32_t)time, outputs);
        if (!net_check_state(&state)) return 2;
        for (int o = 0; o < NET_OUTPUTS; o++) printf("%ld ", (long)outputs[o]);
        for (int i = 0; i < NET_LAYERS * NET_NEURONS; i++)
            printf("%ld ", (long)state.neurons[i / NET_NEURONS][i % NET_NEURONS]);
        printf("\\n");
    }
    return 0;
}
"""


def whole_numbers(
    network: LiquidNetwork, folder: Path, inputs: Array, times: Array, target: Target
) -> tuple[Array, Fixed]:
    """(T, O + P N) outputs and states of the compiled int16 code, and what it was made from."""
    export.c(network, folder, name="net", numbers="int16", calibrate=inputs)
    (folder / "run.c").write_text(WHOLE_RUNNER)
    static = ["-static"] if target.emulator else []
    command = [target.compiler, *STRICT, *target.options, *static, "net.c", "run.c", "-o", "run"]
    subprocess.run(command, cwd=folder, check=True)
    lines = [
        " ".join([str(to_time(time)), *(f"{each:.9g}" for each in row)])
        for time, row in zip(times, inputs)
    ]
    done = subprocess.run(
        [*target.emulator, "./run"],
        cwd=folder, input="\n".join(lines), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.array([line.split() for line in done.stdout.splitlines()], dtype=np.int64)
    return found, fixed(design(network), inputs)


def whole_error(
    network: LiquidNetwork, folder: Path, inputs: Array, times: Array, target: Target
) -> int:
    """How many numbers differ from those that Python computes."""
    found, made = whole_numbers(network, folder, inputs, times, target)
    outputs, states = run(made, inputs, times)
    wanted = [np.rint(outputs * 2.0**made.output_bits), states.reshape(len(states), -1)]
    return int((found != np.concatenate(wanted, axis=1)).sum())
