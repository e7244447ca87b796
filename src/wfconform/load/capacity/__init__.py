"""Capacity: the number of concurrent sessions that a deployment holds, found, explained and judged.

Pure: no clock and no I/O. `search` is a generator that yields the steps it wants run; `digest` makes a step's
measurements into what it is sent; `conclude` turns all steps into the answer.
"""
