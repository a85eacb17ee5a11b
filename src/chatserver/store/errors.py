"""Why a store could not be opened: errors for the person who starts the server."""


class StoreUnusableError(Exception):
    """The database cannot be used as it is; the text says why and what to do."""


class SchemaTooNewError(StoreUnusableError):
    """A newer chatserver wrote this database."""


class StoreInUseError(StoreUnusableError):
    """Another server already serves this database."""


class StoreFullError(StoreUnusableError):
    """The disk of the database is full; nothing is wrong with the database."""
