"""The fault drill: the real stack under load, while its processes and servers are killed, frozen and emptied at random.

Then it waits for quiet and compares what the database says, what callers were promised and what the target saw.

    make chaos SEED=1 MINUTES=3
"""
