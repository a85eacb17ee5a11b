"""What can go wrong with a backup: texts for the server's owner."""


class BackupError(Exception):
    """Something could not be done; the text says what and what to do. Nothing was changed."""


class BackupUnusableError(BackupError):
    """The file is damaged, foreign, made by a newer version, or encrypted with another passphrase."""


class NoRoomError(BackupError):
    """A disk has too little space."""


class PlaceError(BackupError):
    """A folder, file or bucket cannot be used."""
