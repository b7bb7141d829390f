"""A run that stopped, with the exit code that says why."""


class Failed(Exception):
    """Something ended the run. What ts-host itself said has been shown by then, with the name of the shard before each line."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
        """The exit code: that of ts-host where ts-host failed; 2 for settings that do not fit together; else 1."""
