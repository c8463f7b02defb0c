"""Errors that people who use bnjax see, and what ends a command with a line in place of a trace."""


class UserError(Exception):
    """Something that a user can mend, or has to know; the message says what, in one line.

    All such errors derive from this one. An error that does not is a fault of bnjax and shows its trace.
    """


#: What a command answers with one line on stderr. Files and memory fail by Python's own errors.
FAILURES: tuple[type[Exception], ...] = (UserError, OSError, MemoryError)
