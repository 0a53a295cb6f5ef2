"""The server: who asks, who runs, who watches. One asyncio process, wired in `server.app`."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("expirytrack-export")
except PackageNotFoundError:  # Run from a checkout that was never installed.
    VERSION = "0"
