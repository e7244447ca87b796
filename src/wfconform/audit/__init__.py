"""Recorded traffic, judged by the session invariants: `har` and `ndjson` read it, `judging` feeds it to ledgers.

Nothing is sent, and nothing is judged that a call missing from the recording could explain.
"""
