"""The status API and the live page."""
