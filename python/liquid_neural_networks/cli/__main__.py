"""``python -m liquid_neural_networks.cli``: the command line without the installed ``lnn``."""

from . import main

main(prog_name="lnn")
