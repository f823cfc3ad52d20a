"""Pages over HTTP: health for machines, the webhook, and later the form and the dashboard."""
