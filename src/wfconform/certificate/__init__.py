"""Certificates: what was tested and found, sealed so that a change shows. Pure values and their canonical encoding.

`values` (the certificate, the manifest), `canonical` (RFC 8785), `keys` (Ed25519), `bundle` (files and archive),
`reading` (a bundle from disk, bounded), `verifying` (what is wrong with one).
"""
