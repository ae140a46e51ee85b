"""The errors users meet. Caught only at the edges: command line, HTTP, WebSocket."""


class TradefoursError(Exception):
    """Base class. Its text is one sentence that says what was expected and what came."""


class NotLetIn(TradefoursError):
    """A server wants a key, and got none or another."""


class BadMidi(TradefoursError):
    """A MIDI file or message that cannot be read, or is beyond the limits."""


class PortError(TradefoursError):
    """A MIDI port that is missing, taken, or that this system cannot make."""


class BadSetting(TradefoursError):
    """A setting, option or message field out of its range."""


class BadCheckpoint(TradefoursError):
    """Weights or a corpus that are missing, damaged, or do not fit."""


class BadJournal(TradefoursError):
    """A journal that cannot be read, or that no session of this version can have told."""
