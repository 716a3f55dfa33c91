"""What is wrong with a provider's bill: one row of it, or the whole."""


class BillError(ValueError):
    """The bill cannot be imported; the message names the file, the place and the remedy."""


class BadRowError(ValueError):
    """One row cannot be read; the message says why."""
