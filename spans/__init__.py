"""From journals to spans: ids and plan (pure), and the export of the outbox."""
