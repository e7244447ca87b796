"""Sessions of the execute endpoint, judged turn by turn: `locust -f locustfiles/sessions.py --host http://127.0.0.1:8080`.

The key is read from WFCONFORM_API_KEY; README.md beside this file lists the options (`--wf-…`), as does the web form.
"""

from wfconform.load.plain import SessionUser


class Sessions(SessionUser):
    """Users who talk, and leave or stop; --wf-mix says otherwise."""

    mix = (("abandon", 3.0), ("cancel", 1.0))
