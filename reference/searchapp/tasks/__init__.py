"""Scraping: crawler, outbox, Celery worker."""
