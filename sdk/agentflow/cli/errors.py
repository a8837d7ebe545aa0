"""Exit codes, and the error that a command ends with: the cause and the fix, one line on stderr."""

#: Exit codes. They are part of the interface, see docs/reference/agentctl.md.
OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
AUTH = 4
BUDGET = 5
TIME_LIMIT = 6
INTERRUPTED = 130

EXIT_CODES = (
    (OK, "done"),
    (FAILED, "a run failed or was canceled, a check found something, or the server could not answer"),
    (USAGE, "the command or the request is wrong"),
    (NOT_FOUND, "there is no such thing in this organisation"),
    (AUTH, "the key is missing or unknown, or may not do this"),
    (BUDGET, "a budget is exhausted"),
    (TIME_LIMIT, "a time limit has passed"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
)

#: Exit codes by the status of an answer; any other of the 400s is a wrong request.
_BY_STATUS = {401: AUTH, 403: AUTH, 402: BUDGET, 404: NOT_FOUND, 408: TIME_LIMIT, 504: TIME_LIMIT, 429: FAILED}
#: Exit codes by the code of a run's or step's error.
_BY_CODE = {
    "budget_exceeded": BUDGET,
    "run_budget_exceeded": BUDGET,
    "agent_budget_exceeded": BUDGET,
    "deadline_exceeded": TIME_LIMIT,
}


class CliError(Exception):
    """Ends the command: ``message`` is the cause, ``fix`` what to do, ``code`` the exit code."""

    def __init__(self, message: str, fix: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code

    def line(self) -> str:
        """Return it as stderr shows it."""
        text = f"{self.message}; {self.fix}" if self.fix else self.message
        return " ".join(text.split())


def code_of_status(status: int) -> int:
    """Return the exit code of an error answer."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return USAGE if 400 <= status < 500 else FAILED


def code_of_run(status: str, error_code: str = "") -> int:
    """Return the exit code of an ended run."""
    return OK if status == "succeeded" else _BY_CODE.get(error_code, FAILED)
