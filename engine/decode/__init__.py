"""What stands between connector and mapper: compressed bytes and archives become documents of plain bytes."""

from engine.decode.parts import Ended, Opened, Part
from engine.decode.settings import Decoding
from engine.decode.stage import Decoder

__all__ = ["Decoder", "Decoding", "Ended", "Opened", "Part"]
