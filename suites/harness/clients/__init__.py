"""Typed access to the target: its cluster and its HTTP API."""
