"""Servers written from docs/endpoint.md alone: conforming ones, and ones with a single defect each."""
