"""A replica set of several mongods, of which the primary may be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pymongo import MongoClient
from tests.durable.servers import REPLICA_SET, TIMEOUTS, Server, elected


class Replicas:
    """Members of a set, each a process with data of its own."""

    def __init__(self, place: Path, members: int) -> None:
        self._members = []
        for number in range(members):
            data = place / str(number) / "data"
            data.mkdir(parents=True)
            self._members.append(Server("mongod", data))

    @property
    def url(self) -> str:
        """Where they are."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self._members)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}&{TIMEOUTS}"

    @property
    def may_be_killed(self) -> bool:
        """They run here."""
        return True

    def start(self) -> None:
        """Start those that do not run, and wait until there is a primary."""
        for one in self._members:
            if one.process is None:
                one.launch()
        elected(self.url, [one.port for one in self._members])

    def kill(self) -> None:
        """End the primary without a warning."""
        with MongoClient[dict[str, object]](self.url) as client:
            client.admin.command("ping")
            primary = client.primary
        for one in self._members:
            if primary is not None and one.port == primary[1]:
                one.kill()

    def kill_all(self) -> None:
        """End all of them."""
        for one in self._members:
            one.kill()


@contextmanager
def replicas(members: int) -> Iterator[Replicas]:
    """Run a set on empty directories."""
    with TemporaryDirectory(prefix="wfconform-mongod-") as directory:
        made = Replicas(Path(directory), members)
        try:
            made.start()
            yield made
        finally:
            made.kill_all()
