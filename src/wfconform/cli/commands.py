"""All commands, in the order of --help."""

from wfconform.cli.app import EXIT_CODES, app, exits_with_its_code
from wfconform.cli.check import HELP as CHECK_HELP
from wfconform.cli.check import check
from wfconform.cli.init import init
from wfconform.cli.provision import provision
from wfconform.cli.requirements import requirements
from wfconform.cli.selftest import selftest
from wfconform.cli.serve import serve

__all__ = ["app"]

app.command(help=CHECK_HELP, epilog=EXIT_CODES)(exits_with_its_code(check))
for _command in (serve, provision, selftest, requirements, init):
    app.command()(exits_with_its_code(_command))
