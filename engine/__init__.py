"""The flow of a run and its rules. Knows no protocol, no format, no database; imports none of the other rooms."""
