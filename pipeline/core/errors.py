"""The one error class for mistakes a user can mend."""


class UserError(Exception):
    """A mistake in the parameters or the data.

    The message is one line: what was found, where, what is allowed, what to do. A stage prints it
    without a traceback and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # what a library says may be several lines
