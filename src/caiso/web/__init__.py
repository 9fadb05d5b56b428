"""The platform: Django apps, pages and API."""
