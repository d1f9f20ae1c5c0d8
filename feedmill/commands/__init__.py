"""The commands of `feedmill`, one a module: arguments, a call of the library, output."""
