"""Web search over several services: the first that answers, more where one is not enough, nothing invented."""
