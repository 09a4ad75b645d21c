"""What can be wished of one exchange: the words that ``ExchangeView.wished`` carries, with what comes beside each."""

from __future__ import annotations

from enum import StrEnum


class Wish(StrEnum):
    """The argument is told with each; None where nothing is said."""

    COPY = "copy"
    QUOTE = "quote"  # str: the part that is selected, empty for the whole answer
    EDIT = "edit"  # str: the prompt as it shall be asked instead
    AGAIN = "again"
    ATTEMPT = "attempt"  # int: a generation's id
    BRANCH = "branch"  # int: a turn's id
    BRANCH_HERE = "branch here"
    CONTINUE_ALL = "continue all"
    CONTINUE_OWN = "continue own"
    DIFFERENCES = "differences"  # int: the other pane's id
    EXPORT = "export"
