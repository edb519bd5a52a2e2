"""Faults on the target as declarations, for `chaos run`; they end in the same verdicts file as the suites."""
