"""All commands, in the order of --help."""

from wfconform.cli.app import EXIT_CODES, app, exits_with_its_code
from wfconform.cli.audit import audit
from wfconform.cli.certify import certify, keygen, verify
from wfconform.cli.check import HELP as CHECK_HELP
from wfconform.cli.check import check
from wfconform.cli.comparing import diff, matrix
from wfconform.cli.init import init
from wfconform.cli.requirements import requirements
from wfconform.cli.selftest import selftest
from wfconform.cli.serve import serve

__all__ = ["app"]

app.command(help=CHECK_HELP, epilog=EXIT_CODES)(exits_with_its_code(check))
for _command in (certify, verify, keygen, diff, matrix, audit, serve, selftest, requirements, init):
    app.command()(exits_with_its_code(_command))
