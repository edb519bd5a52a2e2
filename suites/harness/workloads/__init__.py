"""Traffic: what clients do to the target, in processes of their own, written down as operations."""
