"""Multi-tenant site search: an API and a scrape worker from one image."""
