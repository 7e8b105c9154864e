"""What the project ships to run the worker: image, compose file, manifests, alert rules, dashboard."""
