"""The table of hostile peers, by what is wrong with them."""

from tests.hostile.peers import answers, bodies, framing, heads, timing
from tests.hostile.peers.table import PEERS, Peer

__all__ = ["PEERS", "Peer", "answers", "bodies", "framing", "heads", "timing"]
