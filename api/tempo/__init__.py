"""Tempo's query API over the workflows that Redis holds, so that Grafana sees them before they have ended."""
