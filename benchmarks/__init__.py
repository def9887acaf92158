"""Measurements: what `make results` and `make bench` run. Timings live here, not in tests."""
