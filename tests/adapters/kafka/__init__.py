"""The Kafka adapters: one suite for the fakes, librdkafka's mock cluster and a real Apache Kafka."""
