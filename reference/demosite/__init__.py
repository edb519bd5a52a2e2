"""A deterministic website to scrape: page count, size, latency and failures are chosen by URL."""
