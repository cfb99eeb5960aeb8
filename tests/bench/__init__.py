"""Benchmarks: ratios to something else that is measured in the same run."""
