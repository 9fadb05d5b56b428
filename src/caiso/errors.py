"""The exception tree that every room shares.

DomainError                 a refusal in words that a person may read
├── PackError               a content file is wrong: names file, line and what was expected
└── (each room's UnableToX)  defined beside the function that raises it
"""


class DomainError(Exception):
    """A refusal that is safe to show to the user as it is."""
