"""Pure functions from what was recorded to measurements: no clock, no network, no random."""
