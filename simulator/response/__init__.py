"""Ten minutes in virtual time: the real ledger, triage, planner and courier, and simulated people who go.

district.py draws who lives how far, who answers when; people.py are their phones; provider.py carries the
texts; centre.py plays one incident after the other; onebyone.py is the way it was done before; faults.py
is what goes wrong; invariants.py what must hold all the same; planted.py plants bugs that must be found;
run.py adds up and table.py shows it. `guardian simulate-response` runs it.
"""
