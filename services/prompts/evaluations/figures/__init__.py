"""The figures of a report: means with intervals, passes, agreement of judges, and the data that they are of."""
