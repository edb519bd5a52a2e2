"""What the platform keeps: PostgreSQL, Redis, the search engine."""
