"""What can go wrong with data on disk and on the way to it."""


class DataNotFoundError(FileNotFoundError):
    """A data set is in none of the places and could not be downloaded; names all that was tried."""


class DamagedDataError(ValueError):
    """A file or folder is there, but is not what its name promises."""


class NotHereError(Exception):
    """A folder does not hold the data set, and why; the search goes on elsewhere."""


class DownloadError(Exception):
    """A file came from none of its addresses, and why from each."""
