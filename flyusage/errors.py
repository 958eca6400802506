"""The one error base: something a person can act on, said in a sentence."""


class FlyusageError(Exception):
    """A failure a person can do something about.

    `code` is stable and machine-readable, `status` the HTTP status a web surface answers with, and the
    sentence says what happened and the next step. Surfaces translate it once: toast, JSON, exit code 1. Commands, which whoever
    runs the installation reads, print the whole error (`str`): the same, but where places and reasons are nobody else's.
    """

    code = "error"
    status = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
