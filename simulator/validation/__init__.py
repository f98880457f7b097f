"""What the service finds out about parameters only inside the task.

The wire body is checked as it stands, not through our own request types: any client of the simulator may
send what our types would refuse. Keys that a model does not know are ignored, as the service ignores them.
Messages in the service's own words are marked "seen"; the others imitate its style.
"""
