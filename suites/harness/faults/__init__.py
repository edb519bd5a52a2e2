"""What the suites do to the target: every fault proves that it bit, heals, and can be undone by somebody else."""
