"""What the pilot costs on microcontrollers: ``python -m benchmarks.edge``."""
