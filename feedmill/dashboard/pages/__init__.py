"""The pages, by theme: every module below names what it serves in `PAGES`."""
