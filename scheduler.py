"""What is due, and when: the heartbeat and its table of duties."""
