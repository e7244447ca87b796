"""The levels that can be certified; what each must have tested is `requirements.required_at`."""

LEVELS = ("full", "durable", "load")
SEEDS_AT_LEAST = 3
