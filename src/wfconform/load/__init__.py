"""Load runs: sessions simulated against a deployment, with every invariant checked on every turn."""
