"""Programs that use Feedmill as a library. They import only `feedmill`; start with `first_sync`."""
