"""Stands the target up on one machine: `python -m reference.cluster up`."""
