"""Worker processes: runs, and what else would hold the server up, each in a process that may die without taking it along."""
