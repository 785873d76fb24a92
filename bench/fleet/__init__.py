"""A fleet of providers over real sockets, with true quotas, faults and deaths; and the checks of a gateway."""
