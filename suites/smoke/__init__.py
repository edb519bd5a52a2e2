"""The platform answers at all."""
