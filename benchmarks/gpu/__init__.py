"""The GPU engine beside its peers on one card, and its machine code where there is none.

python -m benchmarks.gpu --output out/gpu      equality first, then every measured row
python -m benchmarks.gpu.static_model          registers, instructions and predicted times
python -m benchmarks.gpu.page                  docs/devices.org from the records in this folder
"""
