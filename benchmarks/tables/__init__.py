"""The untuned ``lnn`` beside simple rules, boosted trees and an LSTM, on real tables.

LNN_DATA=... python -m benchmarks.tables
"""
