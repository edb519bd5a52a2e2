"""The platform broken on purpose, and which checks must notice."""
