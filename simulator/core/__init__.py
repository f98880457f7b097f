"""The service without its wire: slots, outcomes, usage, prices."""
