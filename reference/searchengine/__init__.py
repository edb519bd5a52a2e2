"""Meilisearch's HTTP API over the milli engine, for places where the official image cannot be pulled."""
