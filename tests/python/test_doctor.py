"""``lnn doctor`` and ``lnn completion``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from liquid_neural_networks import _kernel, diagnosis, fused, gpu
from liquid_neural_networks.cli import main
from liquid_neural_networks.cli.completion import SHELLS
from liquid_neural_networks.diagnosis import Finding, diagnose


def finding(name: str) -> Finding:
    (found,) = [each for each in diagnose() if each.name == name]
    return found


def test_the_doctor_prints_every_finding_and_what_to_do() -> None:
    with fused.disabled():
        printed = CliRunner().invoke(main, ["doctor"]).output
        found = diagnose()
    assert len(found) >= 12
    for name, text, remedy in found:
        assert f"{'!' if remedy else ' '} {name:<23} {text}" in printed
        assert not remedy or f"-> {remedy}\n" in printed
    assert "! compiled step" in printed and "switched off by fused.disabled()" in printed


def test_the_compiled_step_is_named_with_its_instruction_set() -> None:
    if not fused.status().available:
        pytest.skip("THE COMPILED STEP IS NOT TESTED: it is not there")
    for name in fused.instruction_sets():
        with fused.instruction_set(name):
            assert finding("compiled step").found.startswith(f"runs on {name} ")
    assert finding("compiled step").remedy == ""


def test_without_the_extension_a_compiler_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernel, "native", None)
    assert "C compiler" in finding("compiled step").remedy


def test_threads_are_those_of_torch() -> None:
    assert finding("threads").found.startswith(f"{torch.get_num_threads()} of torch")


def test_a_missing_library_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "polars":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(diagnosis, "version", version)
    assert "pip install 'liquid-neural-networks[tables]'" in finding("polars").remedy
    assert finding("matplotlib") == Finding("matplotlib", "1.0")


def test_a_gpu_that_torch_does_not_see_is_remarked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "CUDA" in finding("device").remedy
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert finding("device").remedy == ""
    assert "install Java" in finding("clojure").remedy


def test_an_engine_is_asked_for_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "MISSING", "Triton cannot be imported; pip install triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert finding("GPU engine").remedy.endswith("pip install triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert finding("GPU engine").remedy == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_printed_for_each_shell(shell: str, tmp_path: Path) -> None:
    printed = CliRunner().invoke(main, ["completion", shell]).output
    assert f"_LNN_COMPLETE={shell}_complete" in printed
    if shutil.which(shell) is None:
        return
    (tmp_path / "script").write_text(printed)
    subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ([], "do", ["doctor"]),
        (["train"], "--sol", ["--solver"]),
        (["train", "t.csv", "--solver"], "e", ["euler", "exponential"]),
        (["completion"], "z", ["zsh"]),
    ],
)
def test_what_the_tab_key_offers(words: list[str], begun: str, offered: list[str]) -> None:
    found = ShellComplete(main, {}, "lnn", "_LNN_COMPLETE").get_completions(words, begun)
    assert [each.value for each in found] == offered


def test_the_installed_program_answers_the_shell() -> None:
    program = Path(sys.executable).with_name("lnn")
    asked = {"_LNN_COMPLETE": "bash_complete", "COMP_WORDS": "lnn insp", "COMP_CWORD": "1"}
    run = subprocess.run([program], env=asked, capture_output=True, text=True, check=True)
    assert run.stdout == "plain,inspect\n"
