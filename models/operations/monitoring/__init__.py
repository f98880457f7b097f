"""The state of the record in numbers, for dashboards, alerts and Flower."""
