"""A DashScope stand-in with a memory and a bill.

``python -m simulator --port 8700 --state .simulator --time-scale 60`` speaks Alibaba Cloud Model Studio's
asynchronous video protocol on loopback: submit, query, list, cancel, upload, and results that are real mp4
files. Tasks wait for slots, run, end and expire as the service's do; throttles refuse; a control plane under
``/__sim__/`` scripts faults and reads the ledger of what was billed, which is what tests about money trust.

The core (`simulator.core.provider.Provider`) knows nothing of HTTP and takes its clock and its randomness from
outside, so that a deterministic simulation can drive it over a virtual clock.
"""
