"""Hostile peers: small servers on loopback sockets that do what no server should, and what a check makes of them."""
