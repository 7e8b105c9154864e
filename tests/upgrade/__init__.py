"""What one version leaves in Kafka for another: kept as it was written, and read by today's."""
