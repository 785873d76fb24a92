"""A day of free providers in seconds: the real router and ledger before a simulated fleet, beside other rules."""
