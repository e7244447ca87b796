"""All commands, in the order of --help."""

from wfconform.cli.app import EXIT_CODES, app, exits_with_its_code
from wfconform.cli.audit import audit
from wfconform.cli.capacity import EXIT_CODES as CAPACITY_EXIT_CODES
from wfconform.cli.capacity import HELP as CAPACITY_HELP
from wfconform.cli.capacity import capacity
from wfconform.cli.certify import certify, keygen, verify
from wfconform.cli.check import HELP as CHECK_HELP
from wfconform.cli.check import check
from wfconform.cli.comparing import diff, matrix
from wfconform.cli.init import init
from wfconform.cli.load import EXIT_CODES as LOAD_EXIT_CODES
from wfconform.cli.load import HELP as LOAD_HELP
from wfconform.cli.load import load
from wfconform.cli.provision import provision
from wfconform.cli.requirements import requirements
from wfconform.cli.selftest import selftest
from wfconform.cli.serve import serve

__all__ = ["app"]

app.command(help=CHECK_HELP, epilog=EXIT_CODES)(exits_with_its_code(check))
app.command(help=LOAD_HELP, epilog=LOAD_EXIT_CODES)(exits_with_its_code(load))
app.command(help=CAPACITY_HELP, epilog=CAPACITY_EXIT_CODES)(exits_with_its_code(capacity))
for _command in (certify, verify, keygen, diff, matrix, audit, serve, provision, selftest, requirements, init):
    app.command()(exits_with_its_code(_command))
