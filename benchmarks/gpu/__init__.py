"""The GPU engine beside its peers on one card."""
