"""Sessions that are cancelled midway: `locust -f locustfiles/cancel.py --host http://127.0.0.1:8080`."""

from wfconform.load.plain import SessionUser


class Cancelling(SessionUser):
    """Users who stop halfway, and find that the run has ended."""

    mix = (("cancel", 1.0),)
