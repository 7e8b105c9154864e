"""The whole worker: a real Kafka, a real partner, real signals."""
