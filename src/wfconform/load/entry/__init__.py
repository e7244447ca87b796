"""Locust files that the parent starts; not imported by it."""
