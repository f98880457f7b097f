"""What the simulator remembers: one SQLite file in the state folder, gone through in plain SQL.

Every change is committed before the answer that tells of it leaves, so kill -9 loses nothing. (WAL with
``synchronous=NORMAL`` may lose the last moments at a power cut, which is fine for a stand-in.) All access is
from the event loop's thread.
"""
