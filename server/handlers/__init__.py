"""One module per part of the HTTP interface; each has a `routes` for `server.app`."""
