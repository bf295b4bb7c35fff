<<<<<<< HEAD
"""The GPU engine measured on a card, and modelled without one.

    python -m benchmarks.gpu --output out/gpu             equality, then every measured row
    python -m benchmarks.gpu.static_model --output FILE   machine code without a card
    python -m benchmarks.gpu.page                         docs/devices.org from the records here
"""
=======
"""The GPU engine beside its peers on one card."""
>>>>>>> main
