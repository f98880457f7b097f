"""The commands below `reelqueue campaign`."""
