"""The screen: how fast an unchanged record is passed over, by designs side by side on the same bytes, after edits of several kinds."""
